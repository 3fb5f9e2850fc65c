"""Rows and values: how a job stands in a table.

Instants are whole milliseconds since 1970 UTC, or what the database has for them; lists are JSON text, or arrays; NULL
is an empty one. JSON is text everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from kongflow.core.job import Job, JobState, NewJob
from kongflow.core.json import Json
from kongflow.store.attempts import attempts_of
from kongflow.store.instants import MAX_INSTANT, seconds_later, to_instant, to_millis

Row: TypeAlias = Sequence[Any]

UNROUTED, SCHEDULED, READY, BLOCKED, RUNNING, SUCCEEDED, FAILED, CANCELLED = range(8)

STORED_STATE = {
    JobState.UNROUTED: UNROUTED,
    JobState.SCHEDULED: SCHEDULED,
    JobState.RETRYING: SCHEDULED,
    JobState.READY: READY,
    JobState.BLOCKED: BLOCKED,
    JobState.RUNNING: RUNNING,
    JobState.SUCCEEDED: SUCCEEDED,
    JobState.FAILED: FAILED,
    JobState.CANCELLED: CANCELLED,
}
_STATES = (
    JobState.UNROUTED,
    JobState.SCHEDULED,
    JobState.READY,
    JobState.BLOCKED,
    JobState.RUNNING,
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.CANCELLED,
)

FIELDS = (
    "id",
    "task",
    "state",
    "queue",
    "priority",
    "payload",
    "run_at",
    "created_at",
    "attempt",
    "max_attempts",
    "claims",
    "crashes",
    "key",
    "tags",
    "flags",
    "reason",
    "detail",
    "result",
    "attempts",
    "progress",
    "cancel_requested",
    "overrunning",
    "runner",
    "claimed_at",
    "finished_at",
    "schedule",
)
"""The order of columns in every query that reads whole jobs."""
JSON_FIELDS = ("payload", "result", "attempts", "progress")
INSTANTS = ("run_at", "created_at", "claimed_at", "finished_at")

_decode = json.JSONDecoder().decode


def stored_state(stored: int, attempt: int) -> JobState:
    """Return the state that a user sees: a scheduled job whose attempt is used up is retrying."""
    if stored == SCHEDULED and attempt > 0:
        return JobState.RETRYING
    return _STATES[stored]


def json_value(text: str | None) -> Json:
    """Return the value of stored JSON text; text that is none (a row edited by SQL) is returned as it is."""
    if text is None:
        return None
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return text


def json_list(values: Sequence[str]) -> str | None:
    """Return the stored form of tags or flags: NULL where there are none."""
    return json.dumps(list(values), ensure_ascii=False) if values else None


def names(stored: str | list[str] | None) -> tuple[str, ...]:
    """Return stored tags or flags; an element that is no text (a row added by SQL) is shown as its JSON text."""
    if stored is None:
        return ()
    values = json_value(stored) if isinstance(stored, str) else stored
    values = values if isinstance(values, list) else [values]
    return tuple(value if isinstance(value, str) else json.dumps(value) for value in values)


def job_of(row: Row) -> Job:
    """Return the job of a row that has the columns of FIELDS."""
    (
        job_id,
        task,
        state,
        queue,
        priority,
        payload,
        run_at,
        created_at,
        attempt,
        max_attempts,
        claims,
        crashes,
        key,
        tags,
        flags,
        reason,
        detail,
        result,
        attempts,
        progress,
        cancel_requested,
        overrunning,
        runner,
        claimed_at,
        finished_at,
        schedule,
    ) = row
    return Job(
        id=str(job_id),
        task=task,
        queue=queue,
        state=stored_state(state, attempt),
        priority=priority or 0,
        payload=json_value(payload),
        run_at=to_instant(created_at if run_at is None else run_at),
        created_at=to_instant(created_at),
        attempt=attempt,
        max_attempts=max_attempts,
        claims=claims,
        crashes=crashes,
        key=key,
        tags=names(tags),
        flags=names(flags),
        reason=reason,
        detail=detail,
        result=json_value(result),
        attempts=attempts_of(json_value(attempts)),
        progress=json_value(progress),
        cancel_requested=bool(cancel_requested),
        overrunning=bool(overrunning),
        runner=runner,
        claimed_at=None if claimed_at is None else to_instant(claimed_at),
        finished_at=None if finished_at is None else to_instant(finished_at),
        schedule=schedule,
    )


@dataclass(frozen=True, slots=True)
class Due:
    """When a new job runs: its instant, when it is first ready, and the state until then."""

    run_at: int
    ready_at: int
    state: int


def due(job: NewJob, now: int) -> Due:
    """Return when a new job runs. A `run_at` in the past is kept: it is the job's place in the order."""
    if job.run_at is not None:
        run_at = min(max(to_millis(job.run_at), 0), MAX_INSTANT)
    else:
        run_at = seconds_later(now, job.delay or 0.0)
    return due_at(run_at, now)


def due_at(run_at: int, now: int) -> Due:
    """As `due`, for a known instant."""
    return Due(run_at, max(run_at, now), READY if run_at <= now else SCHEDULED)


def added_job(id: int, job: NewJob, state: int, run_at: int | datetime, now: int | datetime) -> Job:
    """Return the job of a row that was just inserted, without reading it back."""
    return Job(
        id=str(id),
        task=job.task,
        queue=job.queue,
        state=_STATES[state],
        priority=job.priority,
        payload=_decode(job.payload),
        run_at=to_instant(run_at),
        created_at=to_instant(now),
        max_attempts=job.max_attempts,
        key=job.job_key,
        tags=job.tags,
        flags=job.flags,
        created=True,
    )


def row_id(id: str) -> int:
    """Return the number of a job's id; −1, which no job has, where it is none."""
    return int(id) if id.isascii() and id.isdigit() and len(id) <= 18 else -1

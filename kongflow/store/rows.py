"""Rows and values: how a job stands in a table.

Instants are whole milliseconds since 1970 UTC, or what the database has for them; lists are JSON text, or arrays; NULL
is an empty one. JSON is text everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from kongflow.core.job import AttemptError, Job, JobState, NewJob
from kongflow.core.json import Json, printable

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
    "errors",
    "progress",
    "cancel_requested",
    "overrunning",
    "runner",
    "claimed_at",
    "finished_at",
)
"""The order of columns in every query that reads whole jobs."""
JSON_FIELDS = ("payload", "result", "errors", "progress")
INSTANTS = ("run_at", "created_at", "claimed_at", "finished_at")

MAX_INSTANT = 253_402_300_799_999
"""The last millisecond of the year 9999: what `datetime` and the tables hold."""
MAX_ERRORS = 100
"""Older errors of one job are dropped, so that a job that is retried by hand for ever does not grow without bound."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_decode = json.JSONDecoder().decode


def to_millis(instant: datetime) -> int:
    """Return an aware instant in milliseconds, rounded up: nothing starts early."""
    return -((_EPOCH - instant) // _MILLISECOND)


def to_instant(stored: int | datetime) -> datetime:
    """Return a stored instant, which the tables hold to 0…MAX_INSTANT, as an aware UTC one."""
    return stored.astimezone(UTC) if isinstance(stored, datetime) else _EPOCH + timedelta(milliseconds=stored)


def clamped(instant: datetime) -> datetime:
    """Return an instant as the tables hold it: a whole millisecond, rounded up, between 1970 and 9999."""
    return to_instant(min(max(to_millis(instant), 0), MAX_INSTANT))


def seconds_later(now: int, seconds: float) -> int:
    """Return the millisecond `seconds` after `now`, at most the last one that the tables hold."""
    return min(now + int(min(max(seconds, 0.0), MAX_INSTANT / 1000) * 1000 + 0.999), MAX_INSTANT)


def stored_state(stored: int, attempt: int, has_errors: bool) -> JobState:
    """Return the state that a user sees: a scheduled job that failed before is retrying."""
    if stored == SCHEDULED and attempt > 0 and has_errors:
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


def errors_of(text: str | None) -> tuple[AttemptError, ...]:
    """Return stored errors, oldest first."""
    return tuple(
        AttemptError(entry["attempt"], entry["type"], entry["message"], entry["traceback"], to_instant(entry["at"]))
        for entry in _entries(text)
    )


def with_error(text: str | None, error: AttemptError | None, now: int) -> str | None:
    """Return stored errors with one more, written at `now`."""
    if error is None:
        return text
    entries = _entries(text)
    entries.append({**error_entry(error), "at": now})
    return json.dumps(entries[-MAX_ERRORS:], ensure_ascii=False)


def _entries(text: str | None) -> list[dict[str, Any]]:
    """Return stored errors as they stand; entries that are not ours (a row edited by SQL) are left out."""
    entries = json_value(text)
    return [entry for entry in entries if _is_entry(entry)] if isinstance(entries, list) else []


def _is_entry(entry: Json) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("attempt"), int):
        return False
    at, texts = entry.get("at"), (entry.get(name) for name in ("type", "message", "traceback"))
    return isinstance(at, int) and 0 <= at <= MAX_INSTANT and all(isinstance(text, str) for text in texts)


def error_entry(error: AttemptError) -> dict[str, Json]:
    """Return what is stored of an error, but the time."""
    return {
        "attempt": error.attempt,
        "type": printable(error.type),
        "message": printable(error.message),
        "traceback": printable(error.traceback),
    }


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
        errors,
        progress,
        cancel_requested,
        overrunning,
        runner,
        claimed_at,
        finished_at,
    ) = row
    return Job(
        id=str(job_id),
        task=task,
        queue=queue,
        state=stored_state(state, attempt, errors is not None),
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
        errors=errors_of(errors),
        progress=json_value(progress),
        cancel_requested=bool(cancel_requested),
        overrunning=bool(overrunning),
        runner=runner,
        claimed_at=None if claimed_at is None else to_instant(claimed_at),
        finished_at=None if finished_at is None else to_instant(finished_at),
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

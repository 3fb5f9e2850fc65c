"""A job as the command line shows it: the JSON shape that scripts rely on, and the words for people."""

from __future__ import annotations

import click

from kongflow.cli.output import escape, iso, on_terminal
from kongflow.core.attempts import AttemptError, EndedAttempt
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json

_STATES = {
    JobState.UNROUTED: ("?", "yellow"),
    JobState.SCHEDULED: ("◷", "blue"),
    JobState.RETRYING: ("↻", "yellow"),
    JobState.READY: ("○", "blue"),
    JobState.BLOCKED: ("◌", "yellow"),
    JobState.RUNNING: ("▶", "cyan"),
    JobState.SUCCEEDED: ("✓", "green"),
    JobState.FAILED: ("✗", "red"),
    JobState.CANCELLED: ("⊘", "magenta"),
}


def job_json(job: Job, catalog: Catalog, *, history: bool = False) -> dict[str, Json]:
    """Return a job for `--json`: ids are text, times ISO 8601 in UTC. `history` adds every attempt that has ended."""
    shape: dict[str, Json] = {
        "id": job.id,
        "task": job.task,
        "queue": job.queue,
        "state": str(job.state),
        "reason": job.reason,
        "detail": job.detail,
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": max_attempts(job, catalog),
        "claims": job.claims,
        "crashes": job.crashes,
        "run_at": iso(job.run_at),
        "created_at": iso(job.created_at),
        "claimed_at": iso(job.claimed_at),
        "finished_at": iso(job.finished_at),
        "schedule": job.schedule,
        "key": job.key,
        "flags": list(job.flags),
        "tags": list(job.tags),
        "payload": job.payload,
        "result": job.result,
        "progress": job.progress,
        "error": _last_error_json(job),
        "cancel_requested": job.cancel_requested,
        "overrunning": job.overrunning,
        "runner": job.runner,
    }
    if history:
        shape["attempts"] = [attempt_json(attempt) for attempt in job.attempts]
    return shape


def attempt_json(attempt: EndedAttempt) -> dict[str, Json]:
    """Return all that is kept of an attempt. `duration` is seconds from its claim to its end."""
    error, log = attempt.error, attempt.log
    return {
        "attempt": attempt.attempt,
        "outcome": str(attempt.outcome),
        "runner": attempt.runner,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "duration": attempt.duration,
        "error": None
        if error is None
        else {"type": error.type, "message": error.message, "traceback": error.traceback},
        "log": {
            "lines": [{"at": iso(line.at), "level": line.level, "message": line.message} for line in log.lines],
            "left_out": log.left_out,
        },
    }


def _last_error_json(job: Job) -> dict[str, Json] | None:
    """Return the last error, without its traceback."""
    failed = job.failed_attempt
    if failed is None or failed.error is None:
        return None
    error = failed.error
    return {"attempt": failed.attempt, "type": error.type, "message": error.message, "at": iso(failed.ended_at)}


def max_attempts(job: Job, catalog: Catalog) -> int | None:
    """Return how many attempts a job has: the call's number, else the catalog's; None for a task it does not know."""
    if job.max_attempts is not None:
        return job.max_attempts
    task = catalog.tasks.get(job.task)
    return None if task is None else task.retry.max_attempts


def attempts_text(job: Job, catalog: Catalog) -> str:
    """Return `2/25`."""
    return f"{job.attempt}/{max_attempts(job, catalog) or '?'}"


def outcome_text(job: Job) -> str:
    """Return how a job ended, or where it is, in one line: `failed (error): ValueError: no such user`."""
    if not job.state.is_final:
        return f"{job.state}{last_error(job)}"
    text = str(job.state)
    if job.reason is not None:
        text += f" ({job.reason})"
    if job.detail:
        text += f": {escape(job.detail)}"
    elif job.error is not None and job.state is not JobState.SUCCEEDED:
        text += f": {error_line(job.error)}"
    return text


def last_error(job: Job) -> str:
    """Return `; last error: ValueError: no such user`, or nothing: what an earlier attempt met is not the state now."""
    return "" if job.error is None else f"; last error: {error_line(job.error)}"


def error_line(error: AttemptError) -> str:
    """Return `ValueError: no such user`: the first line of an error."""
    first, more, _ = error_text(error).partition("\n")
    return escape(first + (" …" if more else ""))


def error_text(error: AttemptError) -> str:
    """Return an error in full, as it was raised."""
    name = error.type.removeprefix("builtins.")
    return f"{name}: {error.message}" if error.message else name


def state_word(state: JobState) -> str:
    """Return a state for people: the word, and on a terminal a glyph before it."""
    glyph, colour = _STATES[state]
    return click.style(f"{glyph} {state}", fg=colour) if on_terminal() else str(state)

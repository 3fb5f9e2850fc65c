"""Job: one piece of work, from the call that adds it to the row that is left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kongflow.core.attempts import AttemptError, EndedAttempt
from kongflow.core.json import Json
from kongflow.core.task import JobKeyMode


class JobState(StrEnum):
    """The states that a user sees. The first six are live, the last three final."""

    UNROUTED = "unrouted"
    """Added by SQL; waits for a runner that knows its task to validate it and render its queue and key."""
    SCHEDULED = "scheduled"
    """Waits for its `run_at`."""
    RETRYING = "retrying"
    """As scheduled, after a failed attempt."""
    READY = "ready"
    """May be claimed now."""
    BLOCKED = "blocked"
    """Waits for a free slot of its queue."""
    RUNNING = "running"
    """A runner holds its lease."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True for succeeded, failed and cancelled."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Reason(StrEnum):
    """Why a job failed or was cancelled."""

    ERROR = "error"
    TIMED_OUT = "timed_out"
    GAVE_UP = "gave_up"
    INVALID_PAYLOAD = "invalid_payload"
    INVALID_RESULT = "invalid_result"
    CRASHED = "crashed"
    REQUEST = "request"
    HANDLER = "handler"
    SUPERSEDED = "superseded"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the store holds it. Times are aware and UTC; a finished job no longer holds its key."""

    id: str
    task: str
    queue: str | None
    state: JobState
    priority: int
    payload: Json
    run_at: datetime
    created_at: datetime
    attempt: int = 0
    """Attempts counted so far; a running job's own is included. Crashes, releases and snoozes give theirs back."""
    max_attempts: int | None = None
    """What the call gave; None where the catalog of the runner that claims the job decides."""
    claims: int = 0
    """Every start, attempts that were given back included."""
    crashes: int = 0
    key: str | None = None
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    reason: str | None = None
    """Why it failed or was cancelled: one of `Reason`; for `handler`, `detail` has the handler's words."""
    detail: str | None = None
    result: Json = None
    attempts: tuple[EndedAttempt, ...] = ()
    """Those that have ended, oldest first; of more than 30 the first 5 and the last 25."""
    progress: Json = None
    cancel_requested: bool = False
    overrunning: bool = False
    runner: str | None = None
    """`host:pid` of the runner that holds the lease, or held the last one."""
    claimed_at: datetime | None = None
    finished_at: datetime | None = None
    schedule: str | None = None
    """The schedule that added it."""
    created: bool = False
    """True only in what `enqueue` returns for a new row."""

    @property
    def failed_attempt(self) -> EndedAttempt | None:
        """The last attempt that ended with an error, or None."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.error is not None), None)

    @property
    def error(self) -> AttemptError | None:
        """The last error, or None."""
        failed = self.failed_attempt
        return None if failed is None else failed.error


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What one call may override. None means "not given": then the catalog decides. `delay` is seconds from now."""

    run_at: datetime | None = None
    delay: float | None = None
    queue: str | None = None
    priority: int | None = None
    max_attempts: int | None = None
    job_key: str | None = None
    job_key_mode: JobKeyMode | None = None
    flags: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job to insert: validated, rendered, defaults of the schema filled in. Pure result of `new_job`."""

    task: str
    payload: str
    """Canonical JSON text."""
    queue: str | None = None
    rule: str | None = None
    """The declared queue or pattern that `queue` belongs to."""
    priority: int = 0
    max_attempts: int | None = None
    run_at: datetime | None = None
    """Aware; None with `delay` None is now, by the store's clock."""
    delay: float | None = None
    job_key: str | None = None
    job_key_mode: JobKeyMode = JobKeyMode.REPLACE
    flags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    awaited: bool = False
    """Somebody waits for the outcome: it stays readable for 10 minutes, whatever `keep` says."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job with a valid lease, as a claim returns it."""

    id: str
    lease: int
    """Fencing token, which no other claim has; every write of the attempt carries it."""
    task: str
    queue: str | None
    priority: int
    payload: Json
    attempt: int
    max_attempts: int
    """Effective: the call's number, else the catalog's."""
    claims: int
    crashes: int
    run_at: datetime
    created_at: datetime
    age: float
    """Seconds since the job was first ready; for `max_duration`."""
    key: str | None = None
    flags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnroutedJob:
    """A job that was added by SQL and waits to be validated and rendered. `None` means "not given"."""

    id: str
    task: str
    payload: str
    options: JobOptions = field(default_factory=JobOptions)
    was_rendered: bool = False
    """True where it comes from a task that was renamed: its queue may have been rendered and be gone meanwhile."""
    refused: str | None = None
    """Why the database does not let it be read or routed, so that it is left for now; its payload is none then."""

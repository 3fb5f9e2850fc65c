"""Events: what a runner tells about its work, as values; listeners turn them into log lines, metrics or test facts.

No event carries a payload, a result or a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from kongflow.core.job import ClaimedJob


@dataclass(frozen=True, slots=True)
class JobRef:
    """Which attempt of which job an event is about."""

    job: str
    task: str
    queue: str | None
    attempt: int
    max_attempts: int


def ref(job: ClaimedJob) -> JobRef:
    """Return what events say of a claimed job."""
    return JobRef(job.id, job.task, job.queue, job.attempt, job.max_attempts)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `name` and `level` (of `logging`) belong to the class."""

    name: ClassVar[str]
    level: ClassVar[int] = logging.INFO


# --- the runner ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunnerStarted(Event):
    """The runner has joined and claims from now on."""

    name: ClassVar[str] = "runner.started"
    queues: tuple[str, ...]
    concurrency: int
    tasks: int
    database: str
    """The dialect and the place, never a password."""
    config: str
    """The first characters of the config's hash."""


@dataclass(frozen=True, slots=True)
class RunnerStopping(Event):
    """The runner claims no more and drains what it runs."""

    name: ClassVar[str] = "runner.stopping"
    why: str
    running: int
    queues: tuple[str, ...]
    within: float
    """Seconds that running jobs have to end; then they are cancelled and given back."""


@dataclass(frozen=True, slots=True)
class SignalHeard(Event):
    """A signal came, the first or the second of this run; the third ends the process before anything can be told."""

    name: ClassVar[str] = "runner.signal"
    signal: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ProcessesStarted(Event):
    """The first of several runner processes works; the others are started now. Told by their supervisor."""

    name: ClassVar[str] = "processes.started"
    count: int


@dataclass(frozen=True, slots=True)
class ProcessDied(Event):
    """A runner process ended though nobody asked it to, or could not be started. Told by its supervisor."""

    name: ClassVar[str] = "process.died"
    level: ClassVar[int] = logging.ERROR
    process: int | None
    """Its process id."""
    how: str
    restart_in: float | None
    """Seconds until another takes its place; none does during a stop."""


@dataclass(frozen=True, slots=True)
class RunnerStopped(Event):
    """The runner has left."""

    name: ClassVar[str] = "runner.stopped"
    exit_code: int
    succeeded: int
    failed: int
    retried: int
    released: int


@dataclass(frozen=True, slots=True)
class RunnerStalled(Event):
    """The event loop was blocked for `stall_limit`; the process ends. `stacks`: what every thread was doing."""

    name: ClassVar[str] = "runner.stalled"
    level: ClassVar[int] = logging.CRITICAL
    blocked_for: float
    stacks: str


@dataclass(frozen=True, slots=True)
class RunnerBlocked(Event):
    """A handler holds the event loop, so that nothing else of the process goes on. Told once, while it lasts."""

    name: ClassVar[str] = "runner.blocked"
    level: ClassVar[int] = logging.WARNING
    job: JobRef | None
    blocked_for: float
    """Seconds until now."""
    stacks: str
    """What the thread of the loop is doing."""


@dataclass(frozen=True, slots=True)
class StoreLost(Event):
    """The database does not answer; what the runner holds is kept and tried again."""

    name: ClassVar[str] = "store.unavailable"
    level: ClassVar[int] = logging.ERROR
    part: str
    error: str


@dataclass(frozen=True, slots=True)
class StoreBack(Event):
    """The database answers again."""

    name: ClassVar[str] = "store.available"
    after: float
    """Seconds since it was lost."""


@dataclass(frozen=True, slots=True)
class LeaseExpiring(Event):
    """The runner could not renew its lease in time, so it cancels its own jobs before others take them."""

    name: ClassVar[str] = "runner.lease_expiring"
    level: ClassVar[int] = logging.ERROR
    running: int


@dataclass(frozen=True, slots=True)
class Repaired(Event):
    """Maintenance promoted jobs that nothing else would have promoted; in a healthy run there is none."""

    name: ClassVar[str] = "queue.repaired"
    level: ClassVar[int] = logging.WARNING
    promoted: int


@dataclass(frozen=True, slots=True)
class PartFailed(Event):
    """A part of the runner met an error that nobody foresaw; it goes on."""

    name: ClassVar[str] = "runner.error"
    level: ClassVar[int] = logging.ERROR
    part: str
    error: str
    stacks: str


# --- a job -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Something happened to one attempt of a job."""

    job: JobRef


@dataclass(frozen=True, slots=True)
class JobStarted(JobEvent):
    """The handler is called now."""

    name: ClassVar[str] = "job.started"


@dataclass(frozen=True, slots=True)
class JobEnded(JobEvent):
    """The end of an attempt is written. `outcome` belongs to the class; `duration` is seconds."""

    outcome: ClassVar[str]
    duration: float


@dataclass(frozen=True, slots=True)
class JobSucceeded(JobEnded):
    """The handler returned and its result is kept."""

    name: ClassVar[str] = "job.succeeded"
    outcome: ClassVar[str] = "succeeded"


@dataclass(frozen=True, slots=True)
class JobRetried(JobEnded):
    """The attempt failed; the next one starts after `delay` seconds."""

    name: ClassVar[str] = "job.retried"
    level: ClassVar[int] = logging.WARNING
    outcome: ClassVar[str] = "retried"
    delay: float
    error: str


@dataclass(frozen=True, slots=True)
class JobCrashed(JobEnded):
    """The child process of the attempt died; the job starts again, its attempt does not count, its crash does."""

    name: ClassVar[str] = "job.crashed"
    level: ClassVar[int] = logging.WARNING
    outcome: ClassVar[str] = "crashed"
    error: str


@dataclass(frozen=True, slots=True)
class JobSnoozed(JobEnded):
    """The handler asked to run again in `delay` seconds; the attempt does not count."""

    name: ClassVar[str] = "job.snoozed"
    outcome: ClassVar[str] = "snoozed"
    delay: float


@dataclass(frozen=True, slots=True)
class JobFailed(JobEnded):
    """The job failed for good."""

    name: ClassVar[str] = "job.failed"
    level: ClassVar[int] = logging.ERROR
    outcome: ClassVar[str] = "failed"
    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class JobCancelled(JobEnded):
    """The job ended as cancelled."""

    name: ClassVar[str] = "job.cancelled"
    outcome: ClassVar[str] = "cancelled"
    reason: str


@dataclass(frozen=True, slots=True)
class JobReleased(JobEnded):
    """The attempt was given back: it uses up nothing, and the job starts again elsewhere."""

    name: ClassVar[str] = "job.released"
    outcome: ClassVar[str] = "released"


@dataclass(frozen=True, slots=True)
class JobLost(JobEvent):
    """The job was given to another runner; nothing of this attempt is written. Or its end was written, and the answer
    that said so got lost with its connection.
    """

    name: ClassVar[str] = "job.lost"
    level: ClassVar[int] = logging.WARNING


@dataclass(frozen=True, slots=True)
class JobOverrunning(JobEvent):
    """The attempt goes on past its time limit; its result will be refused."""

    name: ClassVar[str] = "job.overrunning"
    level: ClassVar[int] = logging.WARNING
    timeout: float
    stacks: str
    """What its thread or coroutine is doing."""


@dataclass(frozen=True, slots=True)
class JobAbandoned(JobEvent):
    """The handler goes on although the run is over: only the end of the process stops it. Its job is given back, or
    timed out.
    """

    name: ClassVar[str] = "job.abandoned"
    level: ClassVar[int] = logging.WARNING
    stacks: str
    """What its thread or coroutine is doing."""


@dataclass(frozen=True, slots=True)
class JobFailedAfterCommit(JobEvent):
    """The handler raised after its transaction had completed the job; the job stays succeeded."""

    name: ClassVar[str] = "job.failed_after_commit"
    level: ClassVar[int] = logging.ERROR
    error: str


@dataclass(frozen=True, slots=True)
class JobForgotten(Event):
    """A job that is leased to this runner, which knows nothing of it: a claim's answer was lost. It is given back."""

    name: ClassVar[str] = "job.forgotten"
    level: ClassVar[int] = logging.WARNING
    job: str


@dataclass(frozen=True, slots=True)
class JobResultIgnored(JobEvent):
    """The handler returned something after its transaction had completed the job: say it with `tx.result(…)`."""

    name: ClassVar[str] = "job.result_ignored"
    level: ClassVar[int] = logging.WARNING


@dataclass(frozen=True, slots=True)
class JobRescued(Event):
    """A job whose runner was lost was taken from it."""

    name: ClassVar[str] = "job.rescued"
    level: ClassVar[int] = logging.WARNING
    job: str
    task: str
    queue: str | None
    lost_runner: str
    outcome: str
    """`released` where the attempt was given back, `retried` where it counts, or the final state."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobRefused(Event):
    """A job failed before an attempt: it was added by SQL and does not fit its task, or the database lets nobody change
    it.
    """

    name: ClassVar[str] = "job.failed"
    level: ClassVar[int] = logging.ERROR
    outcome: ClassVar[str] = "failed"
    job: str
    task: str
    reason: str


Listener = Callable[[Event], None]


class Events:
    """Hands each event to every listener, in order, in the thread that emits it."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def add(self, listener: Listener) -> None:
        """Add a listener; it is called for every event from now on."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Tell every listener; one that raises is logged and does not keep the others from hearing."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logging.getLogger("kongflow").exception("a listener failed on %s", event.name)

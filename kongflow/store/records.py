"""The values that go into a store and come out of it, the same for every dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from kongflow.core.attempts import NO_LINES, HandlerLog
from kongflow.core.catalog import Retention
from kongflow.core.job import ClaimedJob, Job, JobState, NewJob
from kongflow.core.job_filter import Term
from kongflow.core.outcome import Finish, Transition
from kongflow.core.queue import QueueFilter, QueueRules
from kongflow.core.retry import RetryPolicy
from kongflow.core.task import Keep

Chore = Literal["route", "repair", "rescue"]
"""Work beside jobs, by the method of the store that does it."""


@dataclass(frozen=True, slots=True)
class TaskTerms:
    """What a runner's catalog says about a task that the store needs at a claim. Times are seconds."""

    retry: RetryPolicy
    """`retry.max_attempts` holds unless the call that added the job gave a number."""
    crash_limit: int
    time_limit: float
    """5 s + timeout + cancel_grace: a lost attempt older than this is a timeout, not a crash."""
    keep: Keep = Keep.ALL


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """A process that wants work, with the config that it runs."""

    host: str
    pid: int
    config_hash: str
    """Of name, queue rules, task names, tombstones and retention: runners of one hash do the same to others' jobs."""
    rules: QueueRules
    tasks: Mapping[str, TaskTerms]
    lease: float
    """Seconds without a renewal after which others may take this runner's jobs."""
    retention: Retention
    declared: str
    """JSON text of `core.declaration`, for who compares a later config with this one."""
    filter: QueueFilter = field(default_factory=QueueFilter)
    forbidden_flags: tuple[str, ...] = ()
    ticks: bool = True
    """It fires schedules; one that only works off what is there does not."""


@dataclass(frozen=True, slots=True)
class RunnerView:
    """A runner as `workers list` shows it."""

    id: int
    host: str
    pid: int
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    forbidden_flags: tuple[str, ...]
    config_hash: str
    in_force: bool
    """True where this runner's config is the one that claims obey."""
    running: int
    seen: float
    """Seconds since it last renewed."""
    alive: bool
    ticks: bool
    """It fires schedules."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A job that the database does not let be claimed: its row is damaged, say, or a trigger raises."""

    id: str
    task: str
    why: str
    has_failed: bool = False
    """The database lets nobody change it, though it does others: it has failed. Else it was put off by PUT_OFF."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought, and how things stood at its end."""

    jobs: Sequence[ClaimedJob] = ()
    next_due: float | None = None
    """Seconds until something may start by itself: a job's time comes, or a rate limit is filled again; None: never."""
    chores: frozenset[Chore] | None = None
    """What there is to do for a runner beside jobs; None where the claim did not look, for it found as many jobs as it
    was asked for."""
    refused: Sequence[Refused] = ()
    """Jobs that the database did not lease, and that are out of the way now."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of one attempt, to be written where `lease` still holds."""

    id: str
    lease: int
    transition: Transition
    keep: Keep = Keep.ALL
    crashed: bool = False
    """The attempt ended without an outcome: it is given back, and counted as a crash."""
    log: HandlerLog = NO_LINES
    next_of: str | None = None
    """The job's queue, where the runner has a slot for the next job of it: see `Store.settle`."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settle wrote: `transition` is the overruled one where a cancel or a newer job of the key came between.

    `lost`: the lease was not his any more and nothing was written; or an earlier try was, whose answer got lost: the
    store cannot tell, for the job may be gone by then, or be run by others. `later`: nothing was written yet, because
    somebody's open transaction holds the job; try again.
    """

    id: str
    transition: Transition
    lost: bool = False
    later: bool = False
    next: ClaimedJob | None = None
    """Leased to the runner by the same write; it starts like one that was claimed."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a heartbeat: what became of the jobs that the runner believes it runs."""

    lost: frozenset[int] = frozenset()
    """Leases that are no longer his: stop these attempts, write nothing."""
    unknown: frozenset[tuple[str, int]] = frozenset()
    """Ids and leases of jobs that the runner holds and did not name: perhaps the answer that brought them was lost."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """A job whose runner was lost, and what became of it."""

    id: str
    task: str
    queue: str | None
    runner: str
    transition: Transition
    refused: str | None = None
    """Why the database does not move this job; it is left as it is, and tried again."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The result of routing one unrouted job: the rendered job, or the failure that ends it."""

    id: str
    job: NewJob | None
    failure: Finish | None = None
    keep: Keep = Keep.ALL


@dataclass(frozen=True, slots=True)
class Pending:
    """What is left in the store, as one runner sees it; for `run --once` and `drain`."""

    now: int
    """Jobs that this runner could take now, once a job that is running ends, or once the runner that holds them, which
    has not renewed for a lease, is called lost; unrouted ones of its tasks included.
    """
    later: int
    """Jobs that wait for their time, for their retry or for the end of a pause."""
    others: int
    """Jobs of tasks, queues or flags that this runner does not take, and jobs that others run."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list: all that is given must hold. `since` is an aware datetime compared with `created_at`."""

    states: tuple[JobState, ...] = ()
    task: str | None = None
    queue: str | None = None
    key: str | None = None
    tag: str | None = None
    since: datetime | None = None
    terms: tuple[Term, ...] = ()
    """Of the filter language."""


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of one task are in one state."""

    task: str
    state: JobState
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of jobs, newest first. `next_cursor` is opaque; None on the last page."""

    items: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many live jobs one concrete queue holds, by state. `queue` None are the jobs without a queue."""

    queue: str | None
    counts: Mapping[JobState, int]
    effective: int | None
    """Concurrency by the config in force; None is unlimited."""
    declared: bool
    """False where no rule in force matches."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A queue, or a declared pattern with all its names, of which nothing starts until it is resumed; or a schedule
    whose slots add nothing until then.
    """

    name: str
    reason: str
    author: str
    paused_at: datetime


@dataclass(frozen=True, slots=True)
class LiveJobs:
    """How many live jobs of one task, one queue and the same flags are in one state."""

    task: str
    queue: str | None
    flags: tuple[str, ...]
    state: JobState
    count: int
    waited: float
    """Seconds since the first of them might have started: since its time had come, and it was there. Below 0 where the
    time of all of them is yet to come.
    """


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which revision the tables have, which this release wants, and whether this release works with them."""

    current: str | None
    head: str
    compatible: bool
    """This release works with the tables as they are: at its head, or made by a newer release that says so."""
    oldest_release: str = "unknown"
    """The oldest release that works with the tables, as they say."""

    @property
    def up_to_date(self) -> bool:
        """True where no migration is missing."""
        return self.current == self.head


def max_attempts(terms: TaskTerms, given: int | None) -> int:
    """Return the effective number of attempts: the call's, else the catalog's."""
    return terms.retry.max_attempts if given is None else given


def with_next(
    settlements: Sequence[Settlement], settled: Sequence[Settled], handed: Sequence[ClaimedJob]
) -> list[Settled]:
    """Return what was written, with each job that was handed over beside the end that made room for it."""
    left = {job.queue: job for job in handed}
    return [
        end if end.later or settlement.next_of is None else replace(end, next=left.pop(settlement.next_of, None))
        for settlement, end in zip(settlements, settled, strict=True)
    ]

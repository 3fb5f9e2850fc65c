"""Change: one thing that a deploy would do, with the jobs that it would befall; and the plan of them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kongflow.core.declaration import Difference


class Kind(StrEnum):
    """What a change is about, and what becomes of it."""

    TABLES_MISSING = "tables_missing"
    CONFIG_FIRST = "config_first"
    """No runner has come yet: there is nothing to compare with."""
    TASK_ADDED = "task_added"
    TASK_CHANGED = "task_changed"
    TASK_RENAMED = "task_renamed"
    TASK_REMOVED = "task_removed"
    PAYLOADS_REFUSED = "payloads_refused"
    """Jobs of a task would fail, each when it is run: the task's schema refuses their payloads."""
    QUEUE_ADDED = "queue_added"
    QUEUE_CHANGED = "queue_changed"
    QUEUE_REMOVED = "queue_removed"
    QUEUE_UNDECLARED = "queue_undeclared"
    """Jobs wait in queues that no rule matches, as they do now."""
    QUEUE_UNSERVED = "queue_unserved"
    """No runner with the new configuration would take the jobs of a queue."""
    FLAG_FORBIDDEN = "flag_forbidden"
    """No runner with the new configuration would take jobs with a flag."""
    SCHEDULE_ADDED = "schedule_added"
    SCHEDULE_CHANGED = "schedule_changed"
    SCHEDULE_REMOVED = "schedule_removed"
    RETENTION_CHANGED = "retention_changed"


class Effect(StrEnum):
    """How grave it is."""

    BLOCKS = "blocks"
    """Jobs that would run without the deploy would fail, or be run by nobody."""
    CHANGES = "changes"
    STANDS = "stands"
    """Something is wrong already, and the deploy changes nothing about it."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """How many jobs something befalls, and the ids of the first of them."""

    waiting: int = 0
    running: int = 0
    first: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """All of them."""
        return self.waiting + self.running


NO_JOBS = Jobs()


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several reasons, with the jobs that have it; a job may have several."""

    what: str
    jobs: Jobs


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a deploy would do. `subject` is the name of a task, queue, flag or schedule; it may have come from
    a job, and hold anything. The words hold nothing of any payload.
    """

    kind: Kind
    subject: str
    effect: Effect
    what: str
    jobs: Jobs = NO_JOBS
    remedy: str = ""
    differences: tuple[Difference, ...] = ()
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy would do, the gravest first; `checked` is how many jobs that have not ended were looked at."""

    changes: tuple[Change, ...]
    checked: int = 0
    notes: tuple[str, ...] = field(default=())
    """What else to know, such as runners of other configurations."""

    @property
    def blocks(self) -> bool:
        """True where something would break."""
        return any(change.effect is Effect.BLOCKS for change in self.changes)

    @property
    def is_empty(self) -> bool:
        """True where nothing would change."""
        return all(change.effect is Effect.STANDS for change in self.changes)

"""Catalog: everything that kongflow.yaml declares, resolved and frozen. Data only: no handlers, no connections."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kongflow.core.json import Json, canonical
from kongflow.core.queue import Queue, QueueRules, check_queue_name
from kongflow.core.retry import RetryPolicy
from kongflow.core.schedule import Schedule
from kongflow.core.spelling import did_you_mean
from kongflow.core.task import Task, Tombstone
from kongflow.errors import UnknownQueue, UnknownRetryPolicy, UnknownSchedule, UnknownTask


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where jobs are kept. `url` is an SQLAlchemy URL; a relative SQLite path has been made absolute."""

    url: str
    schema: str = "kongflow"
    pool_size: int = 10
    migrate: str = "auto"
    """auto: `initialize()` applies compatible migrations under a lock; manual: it refuses where any is missing."""
    pooler: str = "none"
    """transaction: a pooler in transaction mode is between us and PostgreSQL, which keeps nothing for a session."""


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How one process works. Times are seconds."""

    concurrency: int = 5
    poll_interval: float = 1.0
    queues: tuple[str, ...] = ("*",)
    forbidden_flags: tuple[str, ...] = ()
    heartbeat: float = 3.0
    lease: float = 15.0
    shutdown_timeout: float = 25.0
    stall_limit: float | None = 60.0
    max_jobs_per_child: int | None = None
    """Jobs after which a child process is replaced; None is never."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished jobs stay in the history, in seconds, by how they ended."""

    succeeded: float = 7 * 86_400.0
    failed: float = 30 * 86_400.0
    cancelled: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Lint:
    """How `kongflow validate` judges: whether warnings fail, and the slugs of those that are not shown."""

    strict: bool = False
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret's value comes from; resolved by a runner, never held by a catalog."""

    name: str
    env: str | None = None
    default: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything declared, by name. `root` is the folder of kongflow.yaml: handlers' dotted paths start there; `file`
    is how messages name it, empty where there is none.
    """

    root: Path
    database: DatabaseSettings
    name: str = "kongflow"
    description: str = ""
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    retention: Retention = field(default_factory=Retention)
    queues: QueueRules = field(default_factory=QueueRules)
    retry_policies: Mapping[str, RetryPolicy] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    tombstones: Mapping[str, Tombstone] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    lint: Lint = field(default_factory=Lint)
    file: str = ""

    def task(self, name: str) -> Task:
        """Return the task of this name. Raises: UnknownTask, with the nearest name."""
        task = self.tasks.get(name)
        if task is None:
            raise UnknownTask(f"no task {name!r} is declared{self.where}{did_you_mean(name, self.tasks)}")
        return task

    def retry_policy(self, name: str) -> RetryPolicy:
        """Return the retry policy of this name. Raises: UnknownRetryPolicy, with the nearest name."""
        policy = self.retry_policies.get(name)
        if policy is None:
            raise UnknownRetryPolicy(
                f"no retry policy {name!r} is declared{self.where}{did_you_mean(name, self.retry_policies)}"
            )
        return policy

    def schedule(self, name: str) -> Schedule:
        """Return the schedule of this name. Raises: UnknownSchedule, with the nearest name."""
        schedule = self.schedules.get(name)
        if schedule is None:
            raise UnknownSchedule(f"no schedule {name!r} is declared{self.where}{did_you_mean(name, self.schedules)}")
        return schedule

    def queue(self, concrete: str) -> Queue:
        """Return the declared queue or pattern that a concrete queue name belongs to. Raises: UnknownQueue."""
        rule = self.queues.rule(concrete)
        if rule is None:
            nothing = f"no queue or pattern declared in {self.file}" if self.file else "no declared queue or pattern"
            raise UnknownQueue(f"{nothing} matches {concrete!r}{did_you_mean(concrete, self.queues.queues)}")
        return rule

    def queue_or_pattern(self, name: str) -> Queue:
        """Return a declared queue or pattern by its name, or the one that a concrete queue name belongs to.

        Raises: UnknownQueue; InvalidOption where it is no name at all.
        """
        if name in self.queues.queues:
            return self.queues.queues[name]
        if "*" in name:
            raise UnknownQueue(f"no pattern {name!r} is declared{self.where}{did_you_mean(name, self.queues.queues)}")
        return self.queue(check_queue_name(name))

    @property
    def where(self) -> str:
        """The end of `is declared`: in which file people look for it."""
        return f" in {self.file}" if self.file else ""

    def published(self) -> Json:
        """Return what a runner does for all by this catalog, the same for equal ones: queue rules, schedules, which
        tasks it knows, where those of removed tasks go, and how long finished jobs stay.
        """
        kept = self.retention
        return {
            "queues": {name: queue.published() for name, queue in sorted(self.queues.queues.items())},
            "schedules": {name: schedule.published() for name, schedule in sorted(self.schedules.items())},
            "tasks": sorted(self.tasks),
            "tombstones": {name: grave.renamed_to for name, grave in sorted(self.tombstones.items())},
            "retention": {"succeeded": kept.succeeded, "failed": kept.failed, "cancelled": kept.cancelled},
        }

    @property
    def config_hash(self) -> str:
        """The same for catalogs by which runners do the same for all."""
        return content_hash({"name": self.name, "config": self.published()})


def content_hash(value: Json) -> str:
    """Return the SHA-256 of a value's canonical JSON: the same for YAML that differs in format and order only."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()

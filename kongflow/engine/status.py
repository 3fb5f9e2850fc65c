"""Status: is the installation healthy? What waits and runs in each queue, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kongflow.core.catalog import Catalog
from kongflow.engine.problems import Problem, problems_in
from kongflow.engine.standing import Load, Standing, standing_of
from kongflow.store.overview import Overview
from kongflow.store.records import Pause, RunnerView

MOST_UNDECLARED = 20
"""Undeclared queues that are shown."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """One declared queue, one pattern with all its names, one undeclared queue; `queue` None: the jobs without one."""

    queue: str | None
    waiting: int = 0
    """Jobs that might run now."""
    later: int = 0
    """Jobs that wait for their time or their retry."""
    running: int = 0
    oldest_wait: float | None = None
    """Seconds that the oldest of the waiting has waited; None where none waits."""
    max_wait: float | None = None
    pause: Pause | None = None
    """Why nothing of it starts; of a pattern, where the whole of it is paused."""
    declared: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand, at one moment. `left_out` are problems beyond the first 20 of their kind."""

    queues: tuple[QueueStatus, ...]
    runners: tuple[RunnerView, ...]
    pauses: tuple[Pause, ...]
    """Of queues."""
    paused_schedules: tuple[Pause, ...]
    problems: tuple[Problem, ...]
    left_out: int = 0

    @property
    def healthy(self) -> bool:
        """True where nothing is wrong. A pause is somebody's will: it is shown, and no problem."""
        return not self.problems


def status_of(overview: Overview, catalog: Catalog) -> Status:
    """Judge how things stand by the configuration at hand, which has the tasks, their tombstones and `max_wait`."""
    standing = standing_of(overview, catalog)
    problems = problems_in(standing)
    paused = tuple(view.pause for view in overview.schedules if view.pause is not None)
    return Status(tuple(_queues(standing)), overview.runners, overview.pauses, paused, problems.told, problems.left_out)


def _queues(standing: Standing) -> Iterator[QueueStatus]:
    """Of undeclared queues those with the most jobs are shown."""
    ours, rules = standing.catalog.queues.queues, standing.rules.queues
    declared: dict[str, Load] = {name: Load() for name in sorted({*ours, *rules})}
    undeclared: dict[str, Load] = {}
    for name, load in standing.loads.items():
        rule = standing.declared[name] or standing.in_force[name]
        if rule is not None:
            declared[rule.name].add(load)
        elif name is not None:
            undeclared[name] = load
    pauses = {pause.name: pause for pause in standing.overview.pauses}
    most = sorted(undeclared, key=lambda name: (-undeclared[name].waiting, name))[:MOST_UNDECLARED]
    for name, load in [*declared.items(), *((name, undeclared[name]) for name in most)]:
        queue = ours.get(name)
        max_wait = None if queue is None else queue.max_wait
        yield _queue(name, load, max_wait, pauses.get(name), name in declared)
    yield _queue(None, standing.loads.get(None, Load()), None, None, declared=True)


def _queue(name: str | None, load: Load, max_wait: float | None, pause: Pause | None, declared: bool) -> QueueStatus:
    return QueueStatus(name, load.waiting, load.later, load.running, load.waited, max_wait, pause, declared)

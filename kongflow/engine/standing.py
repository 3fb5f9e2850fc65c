"""Standing: an overview of the store beside the configuration at hand, with the rule of each queue name looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kongflow.core.catalog import Catalog
from kongflow.core.job import JobState
from kongflow.core.queue import Queue, QueueRules
from kongflow.store.overview import Overview
from kongflow.store.records import LiveJobs, RunnerView

WAITING = (JobState.UNROUTED, JobState.READY, JobState.BLOCKED)
"""States of jobs that might run now."""


@dataclass(slots=True)
class Load:
    """The jobs of one concrete queue name, or of several."""

    waiting: int = 0
    """Jobs that might run now."""
    later: int = 0
    """Jobs that wait for their time or their retry."""
    running: int = 0
    waited: float | None = None
    """Seconds that the oldest of the waiting has waited; None where none waits."""

    def add(self, other: Load) -> None:
        """Count the jobs of another with these."""
        self.waiting += other.waiting
        self.later += other.later
        self.running += other.running
        if other.waited is not None:
            self.waited = max(other.waited, self.waited or 0.0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: what judgements are made from. The queues are concrete names; None is for jobs without one."""

    overview: Overview
    catalog: Catalog
    rules: QueueRules
    """Those in force; those of the configuration where no runner has come yet."""
    living: Sequence[RunnerView]
    loads: Mapping[str | None, Load]
    in_force: Mapping[str | None, Queue | None]
    """The rule in force of each name that has jobs."""
    declared: Mapping[str | None, Queue | None]
    """The rule that the configuration at hand has for it."""


def standing_of(overview: Overview, catalog: Catalog) -> Standing:
    """Return how things stand. Each name is looked up once: there may be a hundred thousand."""
    rules = catalog.queues if overview.rules is None else overview.rules
    loads = _loads(overview.jobs)
    in_force = {name: None if name is None else rules.rule(name) for name in loads}
    declared = in_force
    if catalog.queues is not rules:
        declared = {name: None if name is None else catalog.queues.rule(name) for name in loads}
    living = [runner for runner in overview.runners if runner.alive]
    return Standing(overview, catalog, rules, living, loads, in_force, declared)


def _loads(jobs: Sequence[LiveJobs]) -> dict[str | None, Load]:
    loads: dict[str | None, Load] = {}
    for group in jobs:
        mine = loads.setdefault(group.queue, Load())
        if group.state is JobState.RUNNING:
            mine.add(Load(running=group.count))
        elif group.state in WAITING:
            mine.add(Load(waiting=group.count, waited=max(group.waited, 0.0)))
        else:
            mine.add(Load(later=group.count))
    return loads

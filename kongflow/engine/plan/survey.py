"""Survey: one pass over all jobs that have not ended; each is judged as a runner with the new config would judge it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kongflow.core.catalog import Catalog
from kongflow.core.job import JobState
from kongflow.core.new_job import route
from kongflow.core.queue import QueueFilter, QueueRules
from kongflow.core.refusals import Refusal, refusals
from kongflow.engine.plan.change import Jobs
from kongflow.errors import InvalidOption, InvalidPayload, PayloadTooLarge, TemplateError, UnknownQueue
from kongflow.store.inspection import FIRST, Inspection, LiveJob
from kongflow.store.records import RunnerView
from kongflow.store.rows import json_value

SAMPLES = 5
"""Ids of jobs that are told."""
MOST_REMEMBERED = 100_000
"""Queue names whose rules are remembered; there may be any number of them."""
MOST_REFUSALS = 1_000
"""Different refusals of one task that are told apart."""
OTHER = Refusal("", "other reasons")


@dataclass(slots=True)
class Tally:
    """Jobs, as they are counted."""

    waiting: int = 0
    running: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, job: LiveJob) -> None:
        """Count one."""
        if job.state is JobState.RUNNING:
            self.running += 1
        else:
            self.waiting += 1
        if len(self.first) < SAMPLES:
            self.first.append(str(job.id))

    @property
    def jobs(self) -> Jobs:
        """What was counted."""
        return Jobs(self.waiting, self.running, tuple(self.first))


@dataclass(frozen=True, slots=True)
class Place:
    """What the rules before and after a deploy say of one concrete queue name; empty where no rule matches."""

    before: str
    after: str
    is_served: bool
    """By runners with the new configuration."""


def _tallies() -> defaultdict[str, Tally]:
    return defaultdict(Tally)


@dataclass(slots=True)
class Survey:
    """What was found. Queues are told by the names of their rules."""

    checked: int = 0
    tasks: defaultdict[str, Tally] = field(default_factory=_tallies)
    """The jobs of each task, also of those that are not declared."""
    refused: defaultdict[str, Tally] = field(default_factory=_tallies)
    """The jobs of each task that would fail."""
    refusals: defaultdict[str, dict[Refusal, Tally]] = field(default_factory=lambda: defaultdict(dict))
    """The same by the reason; a job may have several."""
    misrouted: set[str] = field(default_factory=set)
    """Tasks of which jobs would fail before they are ready, as they are routed."""
    before: defaultdict[str, Tally] = field(default_factory=_tallies)
    """The jobs of each rule that is in force."""
    after: defaultdict[str, Tally] = field(default_factory=_tallies)
    """The jobs that each rule of the new configuration would have."""
    moves: defaultdict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    """The jobs of which another rule would hold, by both; empty where no rule matches."""
    undeclared: Tally = field(default_factory=Tally)
    """Jobs in queues that no rule matches, neither now nor then."""
    unserved: defaultdict[str | None, Tally] = field(default_factory=lambda: defaultdict(Tally))
    """Jobs that no runner with the new configuration would take because of their queue; None is no queue."""
    newly_unserved: set[str | None] = field(default_factory=set)
    """Of those, the rules of which a living runner takes jobs now."""
    forbidden: defaultdict[str, Tally] = field(default_factory=_tallies)
    """Jobs that no such runner would take, by a flag of theirs."""
    schedules: defaultdict[str, Tally] = field(default_factory=_tallies)
    """The jobs that each schedule has added."""


async def survey(
    inspection: Inspection,
    catalog: Catalog,
    in_force: QueueRules | None,
    living: Sequence[RunnerView],
    tell: Callable[[int], None],
) -> Survey:
    """Look at every job that has not ended. `tell` hears after each page how many were looked at."""
    surveyor = _Surveyor(catalog, in_force or catalog.queues, living)
    after = FIRST
    while page := await inspection.live_jobs(after):
        for job in page:
            surveyor.look(job)
        after = page[-1].id
        tell(surveyor.found.checked)
    return surveyor.found


class _Surveyor:
    def __init__(self, catalog: Catalog, in_force: QueueRules, living: Sequence[RunnerView]) -> None:
        self.found = Survey()
        self._catalog = catalog
        self._in_force = in_force
        self._filter = QueueFilter(catalog.runner.queues)
        self._filters_now = [QueueFilter(runner.queues) for runner in living]
        self._forbidden = frozenset(catalog.runner.forbidden_flags)
        self._places: dict[str | None, Place] = {}

    def look(self, job: LiveJob) -> None:
        """Judge one job."""
        found, catalog = self.found, self._catalog
        found.checked += 1
        found.tasks[job.task].add(job)
        if job.schedule is not None:
            found.schedules[job.schedule].add(job)
        task = catalog.tasks.get(job.task)
        grave = catalog.tombstones.get(job.task)
        if grave is not None and grave.renamed_to is not None:
            self._look_at_routed(job, grave.renamed_to)
        elif task is not None and job.state is JobState.UNROUTED:
            self._look_at_routed(job, job.task)
        elif task is not None:
            if reasons := refusals(task, json_value(job.payload), len(job.payload)):
                self._refuse(job, reasons)
            self._look_at_place(job, job.queue, job.flags)

    def _look_at_routed(self, job: LiveJob, task: str) -> None:
        """Judge a job that is routed before it is claimed: one that was added by SQL, or whose task was renamed."""
        try:
            routed = route(self._catalog, replace(job.as_unrouted(), task=task))
        except Exception as error:  # as whoever routes it does: whatever is raised is this one job's failure
            self.found.misrouted.add(job.task)
            about_payload = isinstance(error, InvalidPayload) and task in self._catalog.tasks
            reasons = (
                refusals(self._catalog.tasks[task], json_value(job.payload), len(job.payload)) if about_payload else ()
            )
            self._refuse(job, reasons or (_without_values(error),))
            self._look_at_place(job, job.queue, job.flags)
        else:
            self._look_at_place(job, routed.queue, routed.flags)

    def _refuse(self, job: LiveJob, reasons: Sequence[Refusal]) -> None:
        self.found.refused[job.task].add(job)
        told = self.found.refusals[job.task]
        for reason in reasons:
            if reason not in told and len(told) >= MOST_REFUSALS:
                reason = OTHER
            told.setdefault(reason, Tally()).add(job)

    def _look_at_place(self, job: LiveJob, queue: str | None, flags: Sequence[str]) -> None:
        found, place = self.found, self._place(queue)
        for flag in self._forbidden.intersection(flags):
            found.forbidden[flag].add(job)
        if queue is not None:
            found.before[place.before].add(job)
            found.after[place.after].add(job)
            if place.before != place.after:
                found.moves[place.before, place.after].add(job)
            elif not place.after:
                found.undeclared.add(job)
        if not place.is_served:
            found.unserved[None if queue is None else place.after].add(job)

    def _place(self, queue: str | None) -> Place:
        place = self._places.get(queue)
        if place is None:
            if len(self._places) >= MOST_REMEMBERED:
                self._places.clear()
            place = self._places[queue] = self._place_of(queue)
        return place

    def _place_of(self, queue: str | None) -> Place:
        rules = self._catalog.queues
        is_served = self._filter.serves(queue, rules)
        after = _rule(rules, queue)
        if not is_served and any(each.serves(queue, self._in_force) for each in self._filters_now):
            self.found.newly_unserved.add(None if queue is None else after)
        return Place(_rule(self._in_force, queue), after, is_served)


def _rule(rules: QueueRules, queue: str | None) -> str:
    rule = None if queue is None else rules.rule(queue)
    return "" if rule is None else rule.name


def _without_values(error: Exception) -> Refusal:
    """Return what an error is about, without its words, which may hold values."""
    return Refusal("", _KINDS.get(type(error), "it cannot be routed"))


_KINDS: Mapping[type[Exception], str] = {
    InvalidPayload: "its payload is not JSON that can be stored",
    PayloadTooLarge: "its payload is larger than 1 MiB",
    TemplateError: "a template of the task cannot be rendered with its payload",
    UnknownQueue: "no declared queue or pattern matches its queue",
    InvalidOption: "its queue, key, priority, flags or tags are not allowed",
}

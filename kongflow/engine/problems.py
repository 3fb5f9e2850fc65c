"""Problems: what is wrong with an installation, each with what to do about it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from kongflow.core.catalog import Catalog
from kongflow.core.duration import format_duration
from kongflow.core.job import JobState
from kongflow.core.schedule import DecidedSlot, SlotOutcome, coming_slots, slot_text
from kongflow.core.spelling import did_you_mean
from kongflow.engine.serving import why_unserved
from kongflow.engine.standing import WAITING, Standing
from kongflow.store.records import LiveJobs, RunnerView

T = TypeVar("T")

DIED_RECENTLY = 600.0
"""Seconds for which a runner that was lost is told of, after others have taken its jobs."""
OVERDUE = timedelta(minutes=1)
"""So long after a slot it is decided about, unless something is wrong."""
MOST_OF_A_KIND = 20
"""Problems of one kind that are told; the rest is counted."""


class ProblemKind(StrEnum):
    """What may be wrong."""

    NO_RUNNER = "no_runner"
    DEAD_RUNNER = "dead_runner"
    LATE = "late"
    """The oldest job of a queue has waited longer than the queue's `max_wait`."""
    REMOVED_TASK = "removed_task"
    """Jobs wait for a task that no living runner knows."""
    UNSERVED = "unserved"
    """Jobs wait that no living runner takes: none serves their queue, or all forbid a flag of theirs."""
    UNDECLARED_QUEUE = "undeclared_queue"
    FAILED_SLOT = "failed_slot"
    """The job of a schedule's last slot could not be made."""
    FAILING_SCHEDULE = "failing_schedule"
    """The last job of a schedule has failed, or waits for a retry, which the next slot supersedes."""
    OVERDUE_SLOT = "overdue_slot"
    """A slot of a schedule has come, and no runner decides about it, though one is there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in words, and what to do about it; `subject` is a task, queue, runner or schedule."""

    kind: ProblemKind
    subject: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Problems:
    """Those that are told, and how many more there are."""

    told: tuple[Problem, ...]
    left_out: int


def problems_in(standing: Standing) -> Problems:
    """Return what is wrong: of each kind the first MOST_OF_A_KIND, in the order in which to look at them."""
    kinds = [
        _no_runner(standing),
        _dead_runners(standing),
        _late(standing),
        _removed_tasks(standing),
        _unserved(standing),
        _undeclared_queues(standing),
        _failed_slots(standing),
        _failing_schedules(standing),
        _overdue_slots(standing),
    ]
    return Problems(
        tuple(problem for kind in kinds for problem in kind.told),
        sum(kind.left_out for kind in kinds),
    )


def _first(found: Sequence[T], tell: Callable[[T], Problem]) -> Problems:
    """Put only those into words that are told."""
    return Problems(tuple(tell(each) for each in found[:MOST_OF_A_KIND]), max(len(found) - MOST_OF_A_KIND, 0))


# --- runners ---------------------------------------------------------------------------------------------------------


def _no_runner(standing: Standing) -> Problems:
    """Jobs wait, or slots of schedules go by, and nobody is there."""
    if standing.living:
        return Problems((), 0)
    waiting, overdue = sum(load.waiting for load in standing.loads.values()), len(_passed_slots(standing))
    missed = f"slots of {overdue} schedule{'s' * (overdue > 1)} have passed"
    what = [*([_jobs_wait(waiting)] if waiting else []), *([missed] if overdue else [])]
    return _first(
        [f"{' and '.join(what)}, and no runner is alive" if overdue else f"{what[0]} and no runner is alive"]
        if what
        else [],
        lambda said: Problem(ProblemKind.NO_RUNNER, "", said, "start one: kongflow run"),
    )


def _dead_runners(standing: Standing) -> Problems:
    dead = [runner for runner in standing.overview.runners if not runner.alive]
    found = [runner for runner in dead if runner.running or runner.seen <= DIED_RECENTLY]
    return _first(found, lambda runner: _dead(runner, any_alive=bool(standing.living)))


def _dead(runner: RunnerView, *, any_alive: bool) -> Problem:
    name, silent = f"{runner.host}:{runner.pid}", format_duration(round(runner.seen))
    if not runner.running:
        what = f"it died {silent} ago without leaving; it holds no job any more"
        remedy = f"read the end of its log: out of memory, a stall, a lost host? (told for {_RECENTLY})"
        return Problem(ProblemKind.DEAD_RUNNER, name, what, remedy)
    held = f"{runner.running} {'job' if runner.running == 1 else 'jobs'}"
    what = f"silent for {silent}, and it still holds {held}"
    remedy = "the other runners take them within seconds; where that does not happen, read their logs"
    if not any_alive:
        remedy = "start a runner, which takes them over: kongflow run"
    return Problem(ProblemKind.DEAD_RUNNER, name, what, remedy)


# --- tasks -----------------------------------------------------------------------------------------------------------


def _removed_tasks(standing: Standing) -> Problems:
    catalog, living = standing.catalog, standing.living
    known = {task for runner in living for task in runner.tasks} if living else set(catalog.tasks)
    waiting: Counter[str] = Counter()
    for group in standing.overview.jobs:
        if group.state is not JobState.RUNNING and group.task not in known:
            waiting[group.task] += group.count

    def tell(found: tuple[str, int]) -> Problem:
        task, count = found
        what, remedy = _why_unknown(task, catalog)
        return Problem(ProblemKind.REMOVED_TASK, task, f"{_jobs_wait(count)}: {what}", remedy)

    return _first(waiting.most_common(), tell)


def _why_unknown(task: str, catalog: Catalog) -> tuple[str, str]:
    """Return why no living runner knows a task, and what to do."""
    grave = catalog.tombstones.get(task)
    if grave is not None:
        end = "cancels them" if grave.renamed_to is None else f"moves them to {grave.renamed_to!r}"
        return f"it is gone{catalog.where}", f"a runner with this configuration {end}; start one: kongflow run"
    if task in catalog.tasks:
        return "no living runner knows it", "restart the runners with this configuration, which declares it"
    what = f"no living runner knows it, and it is not declared{catalog.where}{did_you_mean(task, catalog.tasks)}"
    remedy = "bring it back, declare it `renamed_to:` another or `removed: true`, or cancel them: "
    return what, remedy + _command("cancel", "task", task)


def _unserved(standing: Standing) -> Problems:
    """Jobs of one task, the same flags and the same rule are served by the same runners: one problem, told once."""
    living = standing.living
    known = {task for runner in living for task in runner.tasks}
    first: dict[object, LiveJobs] = {}
    counts: Counter[object] = Counter()
    for group in standing.overview.jobs:
        if group.state in WAITING and group.task in known:
            rule = standing.in_force[group.queue]
            kind = (group.task, group.flags, group.queue if rule is None else rule.name, group.state is _UNROUTED)
            first.setdefault(kind, group)
            counts[kind] += group.count
    found = [
        (group, counts[kind], why)
        for kind, group in first.items()
        if (why := why_unserved(group, living, standing.rules, standing.catalog))
    ]

    def tell(each: tuple[LiveJobs, int, str]) -> Problem:
        group, count, why = each
        remedy = f"start a runner that takes them; what waits: {_command('list', 'task', group.task)}"
        return Problem(ProblemKind.UNSERVED, group.task, f"{_jobs_wait(count)}: {why}", remedy)

    return _first(sorted(found, key=lambda each: (-each[1], each[0].task)), tell)


# --- queues ----------------------------------------------------------------------------------------------------------


def _late(standing: Standing) -> Problems:
    """Queues beyond their `max_wait`, the worst first; one that is paused waits because somebody wants it to."""
    paused = {pause.name for pause in standing.overview.pauses}
    found: list[tuple[float, float, str]] = []
    for name, load in standing.loads.items():
        queue, in_force = standing.declared[name], standing.in_force[name]
        if name is None or queue is None or queue.max_wait is None or (load.waited or 0.0) <= queue.max_wait:
            continue
        if name not in paused and (in_force is None or in_force.name not in paused):
            found.append((load.waited or 0.0, queue.max_wait, name))

    def tell(each: tuple[float, float, str]) -> Problem:
        waited, most, name = each
        what = f"its oldest job has waited {format_duration(round(waited))}, max_wait is {format_duration(most)}"
        look = _command("list", "queue", name, "state:ready,blocked")
        return Problem(ProblemKind.LATE, name, what, f"add runners or raise its limits; what waits: {look}")

    return _first(sorted(found, key=lambda each: (-each[0], each[2])), tell)


def _undeclared_queues(standing: Standing) -> Problems:
    """An unrouted job is left out: whoever routes it says what is wrong with its queue."""
    waiting: Counter[str] = Counter()
    for group in standing.overview.jobs:
        if group.queue is not None and group.state not in (JobState.RUNNING, JobState.UNROUTED):
            waiting[group.queue] += group.count
    found = [(name, count) for name, count in waiting.items() if standing.in_force[name] is None]

    def tell(each: tuple[str, int]) -> Problem:
        name, count = each
        what = f"{_jobs_wait(count)}: no rule in force matches it, so they run one at a time"
        if standing.declared[name] is not None:
            remedy = "restart the runners with this configuration, which declares it"
        else:
            near = did_you_mean(name, standing.catalog.queues.queues)
            remedy = f"declare it, or a pattern for it{near}; what waits: {_command('list', 'queue', name)}"
        return Problem(ProblemKind.UNDECLARED_QUEUE, name, what, remedy)

    return _first(sorted(found, key=lambda each: (-each[1], each[0])), tell)


# --- schedules -------------------------------------------------------------------------------------------------------


def _failed_slots(standing: Standing) -> Problems:
    """Schedules whose last slot has no job because none could be made; one that is paused is in somebody's hands."""
    found = [
        (view.name, view.last)
        for view in standing.overview.schedules
        if view.state is not None and view.pause is None and view.last is not None
        if view.last.outcome is SlotOutcome.FAILED
    ]

    def tell(each: tuple[str, DecidedSlot]) -> Problem:
        name, last = each
        what = f"its last slot, {slot_text(last.slot.at)}, added no job: {last.note}"
        remedy = f"mend it and deploy; a job for now, not for that slot: kongflow schedules run {name}"
        return Problem(ProblemKind.FAILED_SLOT, name, what, remedy)

    return _first(found, tell)


def _failing_schedules(standing: Standing) -> Problems:
    """Schedules whose last job did not do its work: where each slot supersedes the retry of the one before, no job ever
    fails.
    """
    found = [
        (view.name, view.last, view.last_job)
        for view in standing.overview.schedules
        if view.state is not None and view.pause is None and view.last is not None
        if view.last_job in (JobState.FAILED, JobState.RETRYING)
    ]

    def tell(each: tuple[str, DecidedSlot, JobState | None]) -> Problem:
        name, last, state = each
        how = "has failed" if state is JobState.FAILED else "waits for a retry"
        what = f"its last job, {last.job} of the slot {slot_text(last.slot.at)}, {how}"
        return Problem(ProblemKind.FAILING_SCHEDULE, name, what, f"see why: kongflow jobs show {last.job}")

    return _first(found, tell)


def _overdue_slots(standing: Standing) -> Problems:
    """Where no living runner fires schedules, or those are others than at hand, nothing can be said."""
    now = standing.overview.now

    def tell(each: tuple[str, datetime]) -> Problem:
        name, at = each
        late = format_duration(round((now - at).total_seconds()))
        what = f"its slot {slot_text(at)} came {late} ago, and no runner has decided about it, though one is there"
        return Problem(ProblemKind.OVERDUE_SLOT, name, what, "read the runners' logs: runner.error of the scheduler?")

    return _first(_passed_slots(standing) if any(runner.ticks for runner in standing.living) else [], tell)


def _passed_slots(standing: Standing) -> list[tuple[str, datetime]]:
    """Return the schedules with slots that nobody has decided about in time, and the first of these, oldest first."""
    declared, now = standing.catalog.schedules, standing.overview.now
    found: list[tuple[str, datetime]] = []
    for view in standing.overview.schedules:
        schedule, state = declared.get(view.name), view.state
        if schedule is None or state is None or view.pause is not None or state.timing != schedule.timing.text:
            continue
        coming = coming_slots(schedule, state.decided_up_to, 1)
        found.extend((view.name, at) for at in coming if now - at > OVERDUE)
    return sorted(found, key=lambda each: each[1])


_UNROUTED = JobState.UNROUTED
_RECENTLY = format_duration(DIED_RECENTLY)
_BARE = re.compile(r"[A-Za-z0-9_.:/-]+")


def _jobs_wait(count: int) -> str:
    return "1 job waits" if count == 1 else f"{count:,} jobs wait"


def _command(verb: str, field: str, value: str, *more: str) -> str:
    """Return a command that is about the jobs of a task or queue, quoted for the filter and for the shell."""
    if not _BARE.fullmatch(value):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        value = f'"{escaped}"'
    return f"kongflow jobs {verb} -f {shlex.quote(' '.join((f'{field}:{value}', *more)))}"

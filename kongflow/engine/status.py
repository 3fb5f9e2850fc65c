"""Status: is the installation healthy? What waits and runs in each queue, and what is wrong, each with what to do."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kongflow.core.catalog import Catalog
from kongflow.core.duration import format_duration
from kongflow.core.job import JobState
from kongflow.core.spelling import did_you_mean
from kongflow.store.records import LiveJobs, Overview, Pause, RunnerView

WAITING = (JobState.UNROUTED, JobState.READY, JobState.BLOCKED)
"""States of jobs that might run now."""
DIED_RECENTLY = 600.0
"""Seconds for which a runner that was lost is told of, after others have taken its jobs."""
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
    UNDECLARED_QUEUE = "undeclared_queue"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with `subject`, a task, a queue or a runner, in words, and what to do about it."""

    kind: ProblemKind
    subject: str
    what: str
    remedy: str


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
    problems: tuple[Problem, ...]
    left_out: int = 0

    @property
    def healthy(self) -> bool:
        """True where nothing is wrong. A pause is somebody's will: it is shown, and no problem."""
        return not self.problems


def status_of(overview: Overview, catalog: Catalog) -> Status:
    """Judge how things stand by the configuration at hand, which has the tasks, their tombstones and `max_wait`."""
    living = [runner for runner in overview.runners if runner.alive]
    names = _by_name(overview.jobs)
    problems = [
        *_about_runners(overview, living),
        *_late(names, overview, catalog),
        *_about_tasks(overview.jobs, catalog, living),
        *_undeclared(names, overview, catalog),
    ]
    told: Counter[ProblemKind] = Counter()
    first: list[Problem] = []
    for problem in problems:
        told[problem.kind] += 1
        if told[problem.kind] <= MOST_OF_A_KIND:
            first.append(problem)
    queues = tuple(_queues(names, overview, catalog))
    return Status(queues, overview.runners, overview.pauses, tuple(first), len(problems) - len(first))


@dataclass(slots=True)
class _Jobs:
    """The jobs of one concrete queue name, or of several."""

    waiting: int = 0
    later: int = 0
    running: int = 0
    waited: float | None = None

    def add(self, other: _Jobs) -> None:
        self.waiting += other.waiting
        self.later += other.later
        self.running += other.running
        if other.waited is not None:
            self.waited = max(other.waited, self.waited or 0.0)


def _by_name(jobs: Sequence[LiveJobs]) -> dict[str | None, _Jobs]:
    names: dict[str | None, _Jobs] = {}
    for group in jobs:
        mine = names.setdefault(group.queue, _Jobs())
        if group.state is JobState.RUNNING:
            mine.add(_Jobs(running=group.count))
        elif group.state in WAITING:
            mine.add(_Jobs(waiting=group.count, waited=max(group.waited, 0.0)))
        else:
            mine.add(_Jobs(later=group.count))
    return names


def _queues(names: Mapping[str | None, _Jobs], overview: Overview, catalog: Catalog) -> Iterator[QueueStatus]:
    """Of undeclared queues those with the most jobs are shown."""
    rules = catalog.queues if overview.rules is None else overview.rules
    declared: dict[str, _Jobs] = {name: _Jobs() for name in sorted({*catalog.queues.queues, *rules.queues})}
    undeclared: dict[str, _Jobs] = {}
    for name, jobs in names.items():
        if name is not None:
            rule = catalog.queues.rule(name) or rules.rule(name)
            (undeclared if rule is None else declared).setdefault(name if rule is None else rule.name, _Jobs()).add(
                jobs
            )
    pauses = {pause.name: pause for pause in overview.pauses}
    most = sorted(undeclared, key=lambda name: (-undeclared[name].waiting, name))[:MOST_OF_A_KIND]
    for name, jobs in [*declared.items(), *((name, undeclared[name]) for name in most)]:
        queue = catalog.queues.queues.get(name)
        max_wait = None if queue is None else queue.max_wait
        yield _queue(name, jobs, max_wait, pauses.get(name), name in declared)
    yield _queue(None, names.get(None, _Jobs()), None, None, declared=True)


def _queue(name: str | None, jobs: _Jobs, max_wait: float | None, pause: Pause | None, declared: bool) -> QueueStatus:
    return QueueStatus(name, jobs.waiting, jobs.later, jobs.running, jobs.waited, max_wait, pause, declared)


# --- what is wrong ---------------------------------------------------------------------------------------------------


def _about_runners(overview: Overview, living: Sequence[RunnerView]) -> Iterator[Problem]:
    waiting = sum(group.count for group in overview.jobs if group.state in WAITING)
    if waiting and not living:
        yield Problem(
            ProblemKind.NO_RUNNER, "", f"{_jobs_wait(waiting)} and no runner is alive", "start one: kongflow run"
        )
    for runner in overview.runners:
        if runner.alive:
            continue
        name, silent = f"{runner.host}:{runner.pid}", format_duration(round(runner.seen))
        if runner.running:
            held = f"{runner.running} {'job' if runner.running == 1 else 'jobs'}"
            what = f"silent for {silent}, and it still holds {held}"
            remedy = "the other runners take them within seconds; where that does not happen, read their logs"
            if not living:
                remedy = "start a runner, which takes them over: kongflow run"
            yield Problem(ProblemKind.DEAD_RUNNER, name, what, remedy)
        elif runner.seen <= DIED_RECENTLY:
            what = f"it died {silent} ago without leaving; it holds no job any more"
            remedy = f"read the end of its log: out of memory, a stall, a lost host? (told for {_RECENTLY})"
            yield Problem(ProblemKind.DEAD_RUNNER, name, what, remedy)


def _late(names: Mapping[str | None, _Jobs], overview: Overview, catalog: Catalog) -> list[Problem]:
    """Queues beyond their `max_wait`, the worst first; one that is paused waits because somebody wants it to."""
    rules = catalog.queues if overview.rules is None else overview.rules
    paused = {pause.name for pause in overview.pauses}
    late: list[tuple[float, Problem]] = []
    for name, jobs in names.items():
        queue = None if name is None else catalog.queues.rule(name)
        if name is None or queue is None or queue.max_wait is None or (jobs.waited or 0.0) <= queue.max_wait:
            continue
        in_force = rules.rule(name)
        if name in paused or (in_force is not None and in_force.name in paused):
            continue
        waited = jobs.waited or 0.0
        what = (
            f"its oldest job has waited {format_duration(round(waited))}, max_wait is {format_duration(queue.max_wait)}"
        )
        remedy = (
            f"add runners or raise its limits; what waits: {_command('list', 'queue', name, 'state:ready,blocked')}"
        )
        late.append((waited, Problem(ProblemKind.LATE, name, what, remedy)))
    return [problem for _, problem in sorted(late, key=lambda each: (-each[0], each[1].subject))]


def _about_tasks(jobs: Sequence[LiveJobs], catalog: Catalog, living: Sequence[RunnerView]) -> Iterator[Problem]:
    waiting: Counter[str] = Counter()
    for group in jobs:
        if group.state is not JobState.RUNNING:
            waiting[group.task] += group.count
    known = {task for runner in living for task in runner.tasks} if living else set(catalog.tasks)
    for task, count in waiting.most_common():
        if task not in known:
            what, remedy = _why_unknown(task, catalog)
            yield Problem(ProblemKind.REMOVED_TASK, task, f"{_jobs_wait(count)}: {what}", remedy)


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


def _undeclared(names: Mapping[str | None, _Jobs], overview: Overview, catalog: Catalog) -> Iterator[Problem]:
    rules = catalog.queues if overview.rules is None else overview.rules
    found = {name: jobs.waiting + jobs.later for name, jobs in names.items() if name and rules.rule(name) is None}
    for name, count in sorted(found.items(), key=lambda each: (-each[1], each[0])):
        if count == 0:
            continue
        what = f"{_jobs_wait(count)}: no rule in force matches it, so they run one at a time"
        if catalog.queues.rule(name) is not None:
            remedy = "restart the runners with this configuration, which declares it"
        else:
            near = did_you_mean(name, catalog.queues.queues)
            remedy = f"declare it, or a pattern for it{near}; what waits: {_command('list', 'queue', name)}"
        yield Problem(ProblemKind.UNDECLARED_QUEUE, name, what, remedy)


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

"""Tasks: which come, go and change, and which of their jobs would fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kongflow.core.catalog import Catalog
from kongflow.core.declaration import differences
from kongflow.core.json import Json
from kongflow.core.refusals import Refusal
from kongflow.core.spelling import nearest
from kongflow.engine.plan.change import NO_JOBS, Change, Detail, Effect, Jobs, Kind
from kongflow.engine.plan.survey import Survey
from kongflow.engine.plan.words import in_words

MOST_DETAILS = 10
"""Reasons that are told of one task, those with the most jobs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: the declaration in force, None before any runner has come, and the new one."""

    before: Json | None
    after: Json
    catalog: Catalog
    found: Survey

    def sections(self, name: str) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Return a part of both: empty where it is not given."""
        return {} if self.before is None else self.before.get(name, {}), self.after.get(name, {})


def task_changes(compared: Comparison) -> Iterator[Change]:
    """Yield what becomes of tasks and of their jobs."""
    old, new = compared.sections("tasks")
    found, catalog = compared.found, compared.catalog
    for name in sorted({*old, *new, *found.tasks}):
        jobs = found.tasks[name].jobs if name in found.tasks else NO_JOBS
        if name in catalog.tombstones:
            yield from _buried(compared, name, jobs)
        elif name not in new:
            yield _removed(compared, name, jobs)
        elif compared.before is not None and name not in old:
            yield Change(Kind.TASK_ADDED, name, Effect.CHANGES, "is new", jobs)
        elif name in old and old[name] != new[name]:
            yield _changed(name, old[name], new[name], jobs)
    for name in sorted(found.refused):
        yield _refused(compared, name)


def _buried(compared: Comparison, name: str, jobs: Jobs) -> Iterator[Change]:
    """A task that has a tombstone; one that was laid before, and has no jobs left, is nothing new."""
    (old_graves, _), (old, _) = compared.sections("tombstones"), compared.sections("tasks")
    to = compared.catalog.tombstones[name].renamed_to
    if not jobs.count and name not in old:
        return
    known = name not in old and name in old_graves and old_graves[name] == to
    effect = Effect.STANDS if known else Effect.CHANGES
    if to is not None:
        yield Change(Kind.TASK_RENAMED, name, effect, f"is {to} now: its jobs move there, to be checked anew", jobs)
    else:
        yield Change(Kind.TASK_REMOVED, name, effect, "is removed: its jobs that wait are cancelled", jobs)


def _removed(compared: Comparison, name: str, jobs: Jobs) -> Change:
    old, new = compared.sections("tasks")
    if not jobs.count:
        return Change(Kind.TASK_REMOVED, name, Effect.CHANGES, "is gone")
    taken = {grave.renamed_to for grave in compared.catalog.tombstones.values()}
    heirs = [each for each in new if each not in old and each not in taken]
    same = [each for each in heirs if name in old and new[each]["handler"] == old[name]["handler"]]
    near = same[0] if same else nearest(name, heirs)
    remedy = "declare it again, or `removed: true`, which cancels them"
    if near is not None:
        remedy = f"if it was renamed: {name}: {{renamed_to: {near}}}; else {remedy}"
    what = "is gone: nobody would run its jobs"
    effect = Effect.BLOCKS
    if compared.before is not None and name not in old:
        what, effect = "is not declared, as now: nobody runs its jobs", Effect.STANDS
    return Change(Kind.TASK_REMOVED, name, effect, what, jobs, remedy)


def _changed(name: str, old: Json, new: Json, jobs: Jobs) -> Change:
    """What holds when a job is added says nothing about those that wait."""
    found = differences(old, new)
    at_claim = any(each.holds_at_claim for each in found)
    what = in_words(found, of_task=True)
    if not at_claim:
        return Change(Kind.TASK_CHANGED, name, Effect.CHANGES, f"{what} (of new jobs)", NO_JOBS, differences=found)
    return Change(Kind.TASK_CHANGED, name, Effect.CHANGES, what, jobs, differences=found)


def _refused(compared: Comparison, name: str) -> Change:
    """The payloads of a task that would be refused; where the same would refuse them now, that is nothing new."""
    found, stands = compared.found, _are_refused_now(compared, name)
    jobs = found.refused[name].jobs
    told = sorted(found.refusals[name].items(), key=lambda each: -each[1].jobs.count)
    shown = [Detail(_reason(refusal), tally.jobs) for refusal, tally in told[:MOST_DETAILS]]
    if rest := told[MOST_DETAILS:]:
        shown.append(Detail(f"and {len(rest):,} more reasons", NO_JOBS))
    return Change(
        Kind.PAYLOADS_REFUSED,
        name,
        Effect.STANDS if stands else Effect.BLOCKS,
        "refuses jobs that wait for it, as it does now"
        if stands
        else "would refuse jobs that wait for it: they would fail",
        jobs,
        f"look at one: kongflow jobs show {jobs.first[0]}"
        if stands
        else "make the new schema take them, or let them run out first",
        details=tuple(shown),
    )


def _are_refused_now(compared: Comparison, name: str) -> bool:
    """Say whether what refuses jobs of a task is the same now: its schema for those that are claimed, all that holds
    when a job is added and the names of the queues for those that are routed.
    """
    (old, new), (graves, new_graves) = compared.sections("tasks"), compared.sections("tombstones")
    to = new_graves.get(name) or name
    if to not in old or to not in new or (to != name and (name in old or graves.get(name) != to)):
        return False
    if name not in compared.found.misrouted:
        return bool(old[to]["payload"] == new[to]["payload"])
    old_queues, new_queues = compared.sections("queues")
    routes = (each.field == "payload" or not each.holds_at_claim for each in differences(old[to], new[to]))
    return not any(routes) and old_queues.keys() == new_queues.keys()


def _reason(refusal: Refusal) -> str:
    return f"{refusal.path}: {refusal.message}" if refusal.path else refusal.message

"""Plan: what a deploy of a configuration would change in a database, and what it would break. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from kongflow.core.catalog import Catalog
from kongflow.core.declaration import declaration, differences
from kongflow.core.json import Json
from kongflow.core.queue import Queue, QueueRules
from kongflow.engine.plan.change import NO_JOBS, Change, Effect, Kind, Plan
from kongflow.engine.plan.queues import queue_changes
from kongflow.engine.plan.survey import survey
from kongflow.engine.plan.tasks import Comparison, task_changes
from kongflow.engine.plan.words import count, in_words
from kongflow.store.base import Store
from kongflow.store.records import RunnerView

_ORDER = tuple(Effect)


async def make_plan(store: Store, catalog: Catalog, tell: Callable[[int], None]) -> Plan:
    """Compare a configuration with the one in force, and look at every job that has not ended: by pages, so that it
    takes little memory and holds nobody up. It is exact for jobs that live all the while. `tell` hears how many were
    looked at. Raises: StoreError.
    """
    in_force = await store.inspection.declared()
    before: Json | None = None if in_force is None else json.loads(in_force[1])
    living = [runner for runner in await store.runners() if runner.alive]
    rules = None if before is None else _rules(before)
    found = await survey(store.inspection, catalog, rules, living, tell)
    compared = Comparison(before, declaration(catalog), catalog, found)
    changes = [
        *_first(compared),
        *task_changes(compared),
        *queue_changes(compared, living),
        *_schedules(compared),
        *_retention(compared),
    ]
    changes.sort(key=lambda change: _ORDER.index(change.effect))
    return Plan(tuple(changes), found.checked, tuple(_notes(living, "" if in_force is None else in_force[0])))


def plan_without_tables(catalog: Catalog, place: str) -> Plan:
    """Return the plan for a database in which nobody has made our tables."""
    if catalog.database.migrate == "auto":
        what, effect, remedy = "there are no tables yet: the first runner makes them", Effect.CHANGES, ""
    else:
        what, effect = "there are no tables yet, and database.migrate is manual", Effect.BLOCKS
        remedy = "run `kongflow db upgrade` first"
    return Plan((Change(Kind.TABLES_MISSING, place, effect, what, remedy=remedy), _all_new(catalog)))


def _first(compared: Comparison) -> Iterator[Change]:
    if compared.before is None:
        yield _all_new(compared.catalog)


def _all_new(catalog: Catalog) -> Change:
    sizes = [
        count(len(catalog.tasks), "task"),
        count(len(catalog.queues.queues), "queue"),
        count(len(catalog.schedules), "schedule"),
    ]
    what = f"no runner has come yet, everything is new: {', '.join(sizes)}"
    return Change(Kind.CONFIG_FIRST, catalog.name, Effect.CHANGES, what)


def _schedules(compared: Comparison) -> Iterator[Change]:
    old, new = compared.sections("schedules")
    for name in sorted({*old, *new}) if compared.before is not None else ():
        jobs = compared.found.schedules[name].jobs if name in compared.found.schedules else NO_JOBS
        if name not in old:
            what = f"is new: {new[name]['timing']}, adds {new[name]['task']}"
            yield Change(Kind.SCHEDULE_ADDED, name, Effect.CHANGES, what, jobs)
        elif name not in new:
            what = "is gone: it adds no more jobs" + ("; those that it has added stay" if jobs.count else "")
            yield Change(Kind.SCHEDULE_REMOVED, name, Effect.CHANGES, what, jobs)
        elif old[name] != new[name]:
            changed = differences(old[name], new[name])
            yield Change(Kind.SCHEDULE_CHANGED, name, Effect.CHANGES, in_words(changed), jobs, differences=changed)


def _retention(compared: Comparison) -> Iterator[Change]:
    old, new = compared.sections("retention")
    if compared.before is not None and old != new:
        changed = differences(old, new)
        what = f"{in_words(changed)} (of jobs that end from then on)"
        yield Change(Kind.RETENTION_CHANGED, "", Effect.CHANGES, what, differences=changed)


def _notes(living: Sequence[RunnerView], in_force: str) -> Iterator[str]:
    others = [runner for runner in living if runner.config_hash != in_force]
    if others:
        names = ", ".join(f"{runner.host}:{runner.pid}" for runner in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        verb = "runs" if len(others) == 1 else "run"
        yield f"{names}{more} still {verb} another configuration than the one in force: a deploy is under way, or stuck"


def _rules(declared: Json) -> QueueRules:
    return QueueRules({name: Queue.of_published(name, limits) for name, limits in declared["queues"].items()})

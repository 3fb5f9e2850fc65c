"""A plan of queues, schedules and retention: limits, and jobs that nobody would take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kongflow.core.catalog import Retention
from kongflow.core.job import JobOptions
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.queue import Queue, QueueRules, RateLimit
from kongflow.core.schedule import Every, Schedule
from kongflow.engine.plan.change import Effect, Kind
from tests.builders import make_catalog
from tests.engine.plans import catalog, outline, site
from tests.store.stage import add_by_sql

pytestmark = pytest.mark.anyio

SWEEP = Schedule("sweep", Every(300.0), "work", PayloadTemplate.parse({}))
HOURLY = replace(SWEEP, name="hourly")


# --- queues ----------------------------------------------------------------------------------------------------------


async def test_limits_that_change_are_told_with_the_jobs_of_the_queue(tmp_path: Path) -> None:
    old = catalog({"mail": 4, "runs:*": 1}, work={"queue": "mail"})
    limited = Queue("mail", 8, rate_limit=RateLimit(10, 1.0))
    new = replace(old, queues=QueueRules({"mail": limited, "runs:*": Queue("runs:*", 1)}))
    async with site(tmp_path, old) as at:
        runner = await at.runs(old)
        await at.add("work", {}, options=JobOptions())
        await at.stage.claim(runner)
        await at.add("work", {}, {})
        (change,) = await at.changes(new)
    assert change.what == "concurrency 4 → 8, rate_limit none → 10 per 1s"
    assert (change.kind, change.jobs.waiting, change.jobs.running) == (Kind.QUEUE_CHANGED, 2, 1)


async def test_jobs_of_a_queue_that_goes_fall_to_a_pattern_or_to_nothing(tmp_path: Path) -> None:
    old = catalog({"runs:vip": 5, "mail": 2}, work={})
    async with site(tmp_path, old) as at:
        await at.add("work", {}, options=JobOptions(queue="runs:vip", delay=60.0))
        await at.add("work", {}, {}, options=JobOptions(queue="mail", delay=60.0))
        changes = {change.subject: change for change in await at.changes(catalog({"runs:*": 1}, work={}))}
    assert changes["runs:vip"].what == "is gone: its jobs get the limits of runs:*"
    assert (changes["runs:*"].kind, changes["runs:*"].jobs.waiting) == (Kind.QUEUE_ADDED, 1)
    assert changes["mail"].what == "is gone: no rule matches its jobs, which run one at a time"
    assert (changes["mail"].effect, changes["mail"].jobs.waiting) == (Effect.CHANGES, 2)


async def test_queues_that_nothing_declares_are_told_once_and_are_nothing_new(tmp_path: Path) -> None:
    old = catalog({"mail": 2}, work={})
    async with site(tmp_path, old) as at:
        for name in ("a", "b"):
            await at.stage.add("work", queue=name, delay=60.0)
        (change,) = await at.changes(old)
    assert (change.kind, change.effect, change.jobs.waiting) == (Kind.QUEUE_UNDECLARED, Effect.STANDS, 2)


async def test_jobs_that_no_runner_with_the_new_configuration_takes_block(tmp_path: Path) -> None:
    old = catalog({"mail": 2, "runs:*": 1}, work={})
    new = replace(old, runner=replace(old.runner, queues=("mail",), forbidden_flags=("large",)))
    async with site(tmp_path, old) as at:
        await at.add("work", {}, options=JobOptions(queue="runs:1", delay=60.0))
        await at.add("work", {}, options=JobOptions(queue="mail", delay=60.0, flags=("large",)))
        await at.add("work", {})
        changes = await at.changes(new)
    assert outline(changes) == [
        ("queue_unserved", "(no queue)", "blocks"),
        ("queue_unserved", "runs:*", "blocks"),
        ("flag_forbidden", "large", "blocks"),
    ]
    assert [change.jobs.waiting for change in changes] == [1, 1, 1]


async def test_what_no_living_runner_takes_now_is_nothing_new(tmp_path: Path) -> None:
    old = catalog({"mail": 2, "runs:*": 1}, work={})
    narrow = replace(old, runner=replace(old.runner, queues=("mail",)))
    async with site(tmp_path, narrow) as at:
        await at.add("work", {})
        (change,) = await at.changes(narrow)
    assert (change.kind, change.effect) == (Kind.QUEUE_UNSERVED, Effect.STANDS)


# --- schedules, retention --------------------------------------------------------------------------------------------


async def test_schedules_come_change_and_go_and_their_jobs_stay(tmp_path: Path) -> None:
    old = make_catalog(work={}, schedules=(SWEEP, HOURLY))
    new = make_catalog(work={}, schedules=(replace(SWEEP, timing=Every(600.0)), replace(SWEEP, name="daily")))
    async with site(tmp_path, old) as at:
        await add_by_sql(at.stage, "work", schedule="hourly")
        changes = await at.changes(new)
    assert [(str(change.kind), change.subject, change.what) for change in changes] == [
        ("schedule_added", "daily", "is new: every 5m, adds work"),
        ("schedule_removed", "hourly", "is gone: it adds no more jobs; those that it has added stay"),
        ("schedule_changed", "sweep", "timing every 5m → every 10m"),
    ]
    assert [change.jobs.waiting for change in changes] == [0, 1, 0]


async def test_a_change_of_the_retention_is_told(tmp_path: Path) -> None:
    old = catalog(work={})
    async with site(tmp_path, old) as at:
        (change,) = await at.changes(replace(old, retention=Retention(succeeded=86_400.0)))
    assert (change.kind, change.what) == (
        Kind.RETENTION_CHANGED,
        "succeeded 1w → 1d (of jobs that end from then on)",
    )

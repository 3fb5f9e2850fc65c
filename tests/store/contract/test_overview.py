"""How things stand, at one moment: live jobs by task, queue and state, runners, rules, pauses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kongflow.core.job import JobState
from kongflow.store.records import LiveJobs
from tests.store.firing import desk
from tests.store.stage import RETRIED, Stage, add_by_sql

pytestmark = pytest.mark.anyio


def found(jobs: tuple[LiveJobs, ...], state: str) -> LiveJobs:
    (group,) = (group for group in jobs if group.state == state)
    return group


async def test_nothing_at_all_is_an_overview_too(stage: Stage) -> None:
    overview = await stage.store.overview()
    assert (overview.jobs, overview.runners, overview.rules) == ((), (), None)
    assert (overview.pauses, overview.schedules) == ((), ())


async def test_live_jobs_are_counted_by_task_queue_and_state(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.add(queue="mail")
    retried = await stage.claim_one(runner)
    await stage.end(runner, retried, RETRIED)
    await stage.add()
    await stage.end(runner, await stage.claim_one(runner))
    await stage.add(queue="mail")
    await stage.claim(runner)
    for _ in range(3):
        await stage.add(queue="mail")
    await stage.claim(runner)
    await stage.add("other", queue="mail")
    await stage.add(queue="mail", delay=600.0)
    await add_by_sql(stage)
    overview = await stage.store.overview()
    counts = {(group.task, group.queue, str(group.state)): group.count for group in overview.jobs}
    blocked = [("work", "mail", state) for state in ("blocked", "ready") if ("work", "mail", state) in counts]
    assert sum(counts.pop(key) for key in blocked) == 3
    assert counts == {
        ("work", "mail", "retrying"): 1,
        ("work", "mail", "running"): 1,
        ("other", "mail", "ready"): 1,
        ("work", "mail", "scheduled"): 1,
        ("work", None, "unrouted"): 1,
    }


async def test_jobs_of_other_flags_are_counted_by_themselves(stage: Stage) -> None:
    for flags in ((), ("gpu",), ("gpu", "big"), ("gpu",)):
        await stage.add(flags=flags)
    overview = await stage.store.overview()
    assert {group.flags: group.count for group in overview.jobs} == {(): 1, ("gpu",): 2, ("gpu", "big"): 1}


async def test_a_job_whose_time_is_long_past_waits_since_it_was_added(stage: Stage) -> None:
    await stage.add(run_at=datetime(2020, 1, 1, tzinfo=UTC))
    overview = await stage.store.overview()
    assert 0.0 <= found(overview.jobs, "ready").waited < 3600.0


async def test_a_group_has_waited_since_the_first_of_its_jobs_might_have_started(stage: Stage) -> None:
    await stage.runner("work")
    await stage.add()
    stage.advance(100.0)
    await stage.add()
    await add_by_sql(stage)
    await stage.add(delay=600.0)
    stage.advance(50.0)
    jobs = (await stage.store.overview()).jobs
    assert 150.0 <= found(jobs, "ready").waited < 180.0
    assert found(jobs, "ready").count == 2
    assert found(jobs, "scheduled").waited < 0
    # A row that is added by SQL has the database's own clock, which a test does not move on SQLite.
    assert found(jobs, "unrouted").waited >= 0


async def test_it_has_runners_rules_and_pauses(stage: Stage) -> None:
    await stage.runner("work", queues={"mail": 3}, pid=5)
    await stage.store.pause("mail", "the provider is down", "ana")
    overview = await stage.store.overview()
    (seen,), (listed,) = overview.runners, await stage.store.runners()
    assert replace(seen, seen=0.0) == replace(listed, seen=0.0)
    assert overview.rules == await stage.store.rules_in_force()
    assert list(overview.pauses) == await stage.store.pauses()
    assert [runner.pid for runner in overview.runners] == [5]


async def test_it_says_of_each_runner_whether_it_fires_schedules(stage: Stage) -> None:
    for pid, ticks in ((1, True), (2, False)):
        await stage.runner("work", pid=pid, ticks=ticks)
    assert [(runner.pid, runner.ticks) for runner in (await stage.store.overview()).runners] == [(1, True), (2, False)]


async def test_it_has_the_schedules_and_the_time_by_the_stores_clock(stage: Stage) -> None:
    seen = await desk(stage)
    await seen.next_slot()
    await stage.store.timetable.pause("nightly", "moving house", "ana")
    before = (await stage.store.timetable.states()).now
    overview = await stage.store.overview()
    assert list(overview.schedules) == await stage.store.timetable.views()
    assert [(view.name, view.unfinished) for view in overview.schedules] == [("nightly", ("1",))]
    assert timedelta() <= overview.now - before < timedelta(minutes=1)


async def test_the_next_calls_see_what_comes_after_it(stage: Stage) -> None:
    await stage.store.overview()
    job = await stage.add()
    assert found((await stage.store.overview()).jobs, JobState.READY).count == 1
    assert await stage.state(job.id) == "ready"

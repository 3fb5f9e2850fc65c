"""`rate_limit`: how many jobs of a queue start in any window of time."""

from __future__ import annotations

import pytest

from kongflow.core.queue import Queue, RateLimit
from tests.store.stage import RELEASED, Stage, new

pytestmark = pytest.mark.anyio

THREE_AN_HOUR = {"mail": Queue("mail", concurrency=None, rate_limit=RateLimit(3, 3600.0))}


async def test_no_window_sees_more_starts_than_the_limit(stage: Stage) -> None:
    here, there = [await stage.runner("work", queues=THREE_AN_HOUR) for _ in range(2)]
    await stage.store.insert([new(queue="mail") for _ in range(9)])
    assert len([*await stage.claim(here, limit=2), *await stage.claim(there, limit=2)]) == 3
    assert await stage.claim(here) == []
    stage.advance(1800.0)
    assert await stage.claim(here) == []
    stage.advance(1860.0)
    assert len(await stage.claim(there, limit=1)) == 1
    stage.advance(1800.0)
    assert len(await stage.claim(here)) == 2
    stage.advance(1740.0)
    assert await stage.claim(here) == []
    stage.advance(120.0)
    assert len(await stage.claim(here)) == 1


async def test_a_dry_limit_says_when_it_is_filled_again_and_does_not_spin(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(5)])
    await stage.claim(runner)
    claimed = await stage.store.claim(runner, 10, 0)
    assert claimed.jobs == ()
    assert claimed.next_due == pytest.approx(3600.0, abs=60.0)
    stage.advance(3660.0)
    assert len(await stage.claim(runner)) == 2
    assert await stage.next_due(runner) is None


async def test_a_start_counts_once_and_nothing_gives_it_back(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(4)])
    for job in await stage.claim(runner, limit=2):
        await stage.end(runner, job, RELEASED)
    assert len(await stage.claim(runner)) == 1
    assert await stage.claim(runner) == []


async def test_each_name_of_a_pattern_has_a_rate_of_its_own(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"to:*": Queue("to:*", concurrency=5, rate_limit=RateLimit(1, 600.0))})
    await stage.store.insert([new(queue=f"to:{name}", rule="to:*") for name in "aabbc"])
    assert sorted(str(job.queue) for job in await stage.claim(runner)) == ["to:a", "to:b", "to:c"]
    assert await stage.claim(runner) == []
    stage.advance(600.1)
    assert sorted(str(job.queue) for job in await stage.claim(runner)) == ["to:a", "to:b"]


async def test_concurrency_and_rate_hold_together(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": Queue("mail", concurrency=1, rate_limit=RateLimit(2, 3600.0))})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    for _ in range(2):
        job = await stage.claim_one(runner)
        assert await stage.claim(runner) == []
        await stage.end(runner, job)
    assert await stage.claim(runner) == []
    stage.advance(3660.0)
    assert len(await stage.claim(runner)) == 1


async def test_jobs_of_other_queues_pass_those_that_wait_for_a_rate(stage: Stage) -> None:
    runner = await stage.runner("work", queues={**THREE_AN_HOUR, "other": 5})
    await stage.store.insert([new(queue="mail") for _ in range(5)])
    other = await stage.add(queue="other", priority=9)
    assert other.id in await stage.claim_ids(runner, limit=4)


async def test_a_better_job_that_comes_later_starts_first_when_the_limit_is_filled(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(5)])
    await stage.claim(runner)
    better = await stage.add(queue="mail", priority=-5)
    assert await stage.claim(runner) == []
    stage.advance(3660.0)
    assert (await stage.claim_ids(runner))[0] == better.id


async def test_a_lower_limit_of_a_new_deploy_counts_the_starts_of_before(stage: Stage) -> None:
    old = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(5)])
    assert len(await stage.claim(old)) == 3
    slower = {"mail": Queue("mail", concurrency=None, rate_limit=RateLimit(1, 3600.0))}
    deployed = await stage.runner("work", queues=slower)
    assert await stage.claim(deployed) == []
    stage.advance(3660.0)
    assert len(await stage.claim(deployed)) == 1
    assert await stage.claim(deployed) == []


async def test_a_healthy_run_repairs_nothing_while_a_limit_is_dry(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(6)])
    for job in await stage.claim(runner):
        await stage.end(runner, job)
    assert await stage.claim(runner) == []
    assert await stage.store.repair(runner, 100) == 0
    assert await stage.claim(runner) == []


async def test_starts_are_forgotten_when_no_window_holds_them(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.claim(runner)
    await stage.store.prune(100)
    assert await stage.sql(f"select count(*) from {stage.table('start')}") == 3
    stage.advance(3660.0)
    await stage.store.prune(100)
    assert await stage.sql(f"select count(*) from {stage.table('start')}") == 0


async def test_pruning_says_how_many_starts_it_forgot_so_that_it_goes_on_while_there_are_more(stage: Stage) -> None:
    often = Queue("mail", concurrency=None, rate_limit=RateLimit(100, 3600.0))
    runner = await stage.runner("work", queues={"mail": often})
    await stage.store.insert([new(queue="mail") for _ in range(25)])
    assert len(await stage.claim(runner)) == 25
    stage.advance(3660.0)
    assert [await stage.store.prune(1) for _ in range(4)] == [10, 10, 5, 0]


async def test_a_limit_that_a_deploy_takes_away_leaves_nothing_to_wait_for(stage: Stage) -> None:
    old = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(5)])
    await stage.claim(old)
    assert await stage.claim(old) == []
    deployed = await stage.runner("work", queues={"mail": None})
    while await stage.claim(deployed):
        pass
    stage.advance(3660.0)
    stage.renew(deployed)
    assert await stage.next_due(deployed) is None


async def test_a_clock_that_is_set_back_does_not_stop_a_queue_until_it_is_there_again(stage: Stage) -> None:
    runner = await stage.runner("work", queues=THREE_AN_HOUR)
    await stage.store.insert([new(queue="mail") for _ in range(7)])
    stage.advance(7200.0, wall_only=True)
    stage.renew(runner)
    assert len(await stage.claim(runner)) == 3
    stage.advance(-7200.0, wall_only=True)
    stage.renew(runner)
    await stage.store.repair(runner, 100)
    assert len(await stage.claim(runner)) == 3
    assert await stage.next_due(runner) == pytest.approx(3600.0, abs=60.0)

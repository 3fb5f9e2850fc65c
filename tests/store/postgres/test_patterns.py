"""Claims and repairs of queues that share a pattern's slots, at the moments that lie between their statements."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from kongflow.core.queue import Queue
from tests.engine.waiting import until_async
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

ONE_AT_A_TIME = {"t:*": Queue("t:*", 1, max_active=1)}
CLAIM = "select count(*) from kongflow.claim(:runner, :limit, 0, false, null, interval '0')"


async def add(stage: Stage, queue: str, priority: int = 0) -> str:
    return (await stage.add(queue=queue, rule="t:*", priority=priority)).id


async def test_a_repair_of_a_queue_waits_for_a_claim_that_takes_slots_of_its_pattern(stage: Stage) -> None:
    runner = await stage.runner("work", queues=ONE_AT_A_TIME)
    await add(stage, "t:x")
    running = await stage.claim_one(runner)
    await add(stage, "t:a"), await add(stage, "t:a")
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    await add(stage, "t:b", priority=-1)
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    async with stage.store.transaction() as connection:
        await connection.execute(text(CLAIM), {"runner": runner, "limit": 1})
        repair = asyncio.ensure_future(stage.store.repair(runner, 100))

        async def it_waits() -> bool:
            return repair.done() or await stage.sql(waiting) > 0

        await until_async(it_waits)
        assert not repair.done()
    assert await repair == 0


async def test_a_job_ahead_of_one_that_was_refused_waits_for_the_pattern_where_its_queue_is_idle(stage: Stage) -> None:
    runner = await stage.runner("work", queues=ONE_AT_A_TIME)
    await add(stage, "t:x")
    running = await stage.claim_one(runner)
    ahead, refused, first = await add(stage, "t:a", 1), await add(stage, "t:a", 2), await add(stage, "t:b", 0)
    await stage.sql("update kongflow.job set crashes = 2 where id = :id", id=int(ahead))
    await stage.sql(CLAIM, runner=runner, limit=10)
    await stage.end(runner, running)
    for expected in (first, ahead, refused):
        job = await stage.claim_one(runner)
        assert job.id == expected
        await stage.end(runner, job)


@pytest.mark.parametrize(
    "look",
    ["kongflow.await_outcome(:id)", "kongflow.retry(:id, '{}', '0')", "kongflow.reschedule(:id, null, null, '0')"],
)
async def test_a_slot_that_is_freed_while_somebody_holds_the_next_job_for_a_moment_goes_to_it(
    stage: Stage, look: str
) -> None:
    runner = await stage.runner("work", queues=ONE_AT_A_TIME)
    await add(stage, "t:x")
    running = await stage.claim_one(runner)
    waits = await add(stage, "t:a")
    assert await stage.claim(runner) == []
    async with stage.store.transaction() as connection:
        await connection.execute(text(f"select {look}"), {"id": int(waits)})
        await stage.end(runner, running)
        assert await stage.claim(runner) == []
    assert await stage.claim_ids(runner) == [waits]

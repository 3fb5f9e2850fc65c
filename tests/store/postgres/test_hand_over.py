"""What the settle of a serial queue's job hands over beside transactions of others, and to a runner that was silent."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from kongflow.core.job import ClaimedJob
from kongflow.store.records import Settlement
from tests.store.stage import LEASE, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio


async def settle(stage: Stage, runner: int, job: ClaimedJob) -> ClaimedJob | None:
    """Settle one attempt and return what comes along."""
    (settled,) = await stage.store.settle(runner, [Settlement(job.id, job.lease, SUCCEEDED, next_of=job.queue)])
    return settled.next


async def test_the_row_of_the_queue_stays_as_it_is(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    job = await stage.claim_one(runner)
    row = "select xmin::text || running from kongflow.lane"
    before = await stage.sql(row)
    following = await settle(stage, runner, job)
    assert following is not None
    assert await stage.sql(row) == before
    await stage.end(runner, following)
    assert await stage.sql(row) is None


async def test_a_job_that_a_user_holds_holds_nobody_up(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    added = await stage.store.insert([new(queue="mail") for _ in range(3)])
    job = await stage.claim_one(runner)
    async with stage.store.transaction() as connection:
        await connection.execute(text("select from kongflow.job where id = :id for update"), {"id": int(added[1].id)})
        following = await asyncio.wait_for(settle(stage, runner, job), 60)
    assert following is not None
    assert following.id == added[2].id


async def test_who_was_silent_for_half_of_the_lease_gets_nothing_before_it_renews(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    job = await stage.claim_one(runner)
    stage.advance(LEASE * 0.6)
    assert await settle(stage, runner, job) is None
    job = await stage.claim_one(runner)
    stage.advance(LEASE * 0.4)
    stage.renew(runner)
    assert await settle(stage, runner, job) is not None

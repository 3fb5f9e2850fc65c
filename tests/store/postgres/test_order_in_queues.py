"""No claim passes a better job of a queue that only a statement of ours holds; one that a user holds delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kongflow.core.job import ClaimedJob, Job
from kongflow.core.queue import Queue
from tests.engine.waiting import until_async
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

MAIL = {"mail": 1}
WIDE = {"mail": 3}
OURS = "select kongflow.share_roster()"
SETTLE = """
select kongflow.settle(
    kongflow.attempt_ends(array[:id], array[:lease], array[{state}], array[null], array[null], array['null'],
        array['{{}}'], array[0.0], array[{again}], array[not {again}], array[false], array['all']),
    array[1, 1, 1], null, '{{}}', null, interval '0')
"""


@asynccontextmanager
async def holding(stage: Stage, job: Job, *, ours: bool = True) -> AsyncIterator[AsyncConnection]:
    """A transaction that has locked a job: one of a claim, or one of a user."""
    async with stage.store.transaction() as connection:
        if ours:
            await connection.execute(text(OURS))
        await connection.execute(text(f"select from kongflow.job where id = {job.id} for update"))
        yield connection


async def mail(stage: Stage, task: str = "work", *, priority: int = 0) -> Job:
    return await stage.add(task, queue="mail", rule="mail", priority=priority)


async def somebody_waits(stage: Stage) -> bool:
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await stage.sql(waiting))


async def one_round(stage: Stage, runner: int, limit: int = 1) -> list[str]:
    """The jobs of one round of a claim."""
    rounds = "select array_agg(id) from kongflow.claim(:runner, :limit, 0, false, null, '0')"
    return [str(id) for id in await stage.sql(rounds, runner=runner, limit=limit) if id is not None]


async def the_first(stage: Stage, runner: int) -> ClaimedJob:
    (job,) = await stage.claim(runner, limit=1)
    return job


async def test_a_job_that_another_claim_holds_is_never_passed(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, _ = await mail(stage), await mail(stage)
    async with holding(stage, first):
        for _ in range(3):
            claimed = await stage.store.claim(runner, 1, 0)
            assert claimed.jobs == ()
            assert claimed.next_due == 0
    assert await stage.claim_ids(runner) == [first.id]


async def test_a_job_that_somebody_begins_to_wait_for_is_not_passed(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, _ = await mail(stage), await mail(stage)
    async with stage.store.transaction() as connection:
        await connection.execute(text(f"select kongflow.await_outcome({first.id})"))
        assert await one_round(stage, runner) == []
    assert await one_round(stage, runner) == [first.id]


async def test_a_job_that_a_user_holds_is_passed_at_once(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, second = await mail(stage), await mail(stage)
    async with holding(stage, first, ours=False):
        assert await one_round(stage, runner) == [second.id]


async def test_a_job_that_several_users_share_is_passed_at_once(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, second = await mail(stage), await mail(stage)
    share = text(f"select from kongflow.job where id = {first.id} for key share")
    async with stage.store.transaction() as one, stage.store.transaction() as other:
        await one.execute(share)
        await other.execute(share)
        assert await one_round(stage, runner) == [second.id]


async def test_what_stands_behind_a_users_job_is_not_passed_where_another_claim_holds_it(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, second, _ = await mail(stage), await mail(stage), await mail(stage)
    async with holding(stage, first, ours=False):
        async with holding(stage, second):
            assert await one_round(stage, runner) == []
        assert await one_round(stage, runner) == [second.id]


async def test_a_held_job_of_another_task_is_not_passed(stage: Stage) -> None:
    runner = await stage.runner("one", "other", queues=MAIL)
    first, _ = await mail(stage, "one"), await mail(stage, "other")
    async with holding(stage, first):
        assert await one_round(stage, runner) == []
    assert await one_round(stage, runner) == [first.id]


async def test_a_held_job_for_another_runner_is_not_passed(stage: Stage) -> None:
    here = await stage.runner("one", queues=MAIL, config="c")
    there = await stage.runner("other", queues=MAIL, config="c")
    first, _ = await mail(stage, "one"), await mail(stage, "other")
    async with holding(stage, first):
        assert await one_round(stage, there) == []
    assert await one_round(stage, here) == [first.id]


async def test_a_held_job_that_nobody_may_take_is_passed(stage: Stage) -> None:
    runner = await stage.runner("work", queues=MAIL)
    first, second = await mail(stage, "removed"), await mail(stage)
    async with holding(stage, first):
        assert await one_round(stage, runner) == [second.id]


async def test_a_claim_takes_slots_that_the_held_jobs_do_not_need(stage: Stage) -> None:
    runner = await stage.runner("work", queues=WIDE)
    first, second, third, _ = [await mail(stage) for _ in range(4)]
    async with holding(stage, first):
        assert await one_round(stage, runner, limit=3) == []
        assert await one_round(stage, runner, limit=2) == [second.id, third.id]
    assert await one_round(stage, runner) == [first.id]


async def test_a_queue_that_is_left_keeps_nothing_of_its_slots(stage: Stage) -> None:
    queues = {"t:*": Queue("t:*", 1, max_active=1)}
    runner = await stage.runner("work", queues=queues)
    first = await stage.add(queue="t:a", rule="t:*")
    await stage.add(queue="t:a", rule="t:*")
    other = await stage.add(queue="t:b", rule="t:*", priority=5)
    async with holding(stage, first):
        assert await one_round(stage, runner, limit=3) == [other.id]
    assert await stage.sql("select sum(running) from kongflow.lane where name in ('t:a', 't:*')") == 1


@pytest.mark.parametrize(("state", "again"), [(5, "false"), (1, "true")], ids=["succeeded", "given back"])
async def test_what_a_settle_makes_ready_is_not_passed_by_a_claim_that_waits_for_it(
    stage: Stage, state: int, again: str
) -> None:
    runner = await stage.runner("work", queues=MAIL)
    running, waits = await mail(stage), await mail(stage)
    job = await the_first(stage, runner)
    assert await stage.claim(runner) == []  # the other one is blocked
    await mail(stage, priority=1)
    async with stage.store.transaction() as connection:
        values = {"id": int(job.id), "lease": job.lease}
        await connection.execute(text(SETTLE.format(state=state, again=again)), values)
        claiming = asyncio.ensure_future(stage.claim_ids(runner, limit=1))
        await until_async(lambda: somebody_waits(stage))
    assert await claiming == [waits.id if state == 5 else running.id]


async def test_what_a_claim_has_just_made_ready_is_not_passed(stage: Stage) -> None:
    """A claim makes due jobs ready in a round of its own: until that has committed, others see only worse ones."""
    runner, other = await stage.runner("work", queues=MAIL), await stage.runner("work", queues=MAIL)
    due = await mail(stage, priority=-5)
    await stage.sql("update kongflow.job set state = 1, run_at = now() - interval '1 s'")
    await mail(stage, priority=5)
    first_round = "select array_agg(id) from kongflow.claim(:runner, 1, 0, true, null, '0')"
    assert await stage.sql(first_round, runner=runner) == [None]
    assert await one_round(stage, other) == [due.id]

"""Nobody waits for a user's transaction that stays open, but producers of the same key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from kongflow.core.catalog import Retention
from kongflow.core.job import ClaimedJob
from kongflow.errors import JobStateConflict
from kongflow.store.base import Store
from kongflow.store.postgres.rescuing import rescue_jobs
from kongflow.store.records import Routed, Settlement
from kongflow.store.refusals import Refusals
from tests.engine.waiting import until_async
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, add_by_sql, info, new

pytestmark = pytest.mark.anyio

T = TypeVar("T")

INFO = info("work", queues={"runs:*": 1})


async def soon(work: Awaitable[T]) -> T:
    """What must not wait for anybody; a limit that only a lock reaches."""
    return await asyncio.wait_for(work, 60)


@asynccontextmanager
async def held(stage: Stage, **fields: object) -> AsyncIterator[None]:
    """A user's transaction that has added a job, and stays open."""
    async with stage.store.transaction() as connection:
        await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new(**fields)]))
        yield


async def test_claims_settles_rescues_and_other_producers_go_on(stage: Stage) -> None:
    here, there = await stage.runner("work"), await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(here)
    await stage.store.insert([new(), new()])
    async with held(stage, key="k"):
        (plain,) = await soon(stage.claim(here, limit=1))
        await soon(stage.end(here, plain))
        await soon(stage.claim(there, limit=1))
        assert len(await soon(stage.lose(there, witness=here))) == 1
        await soon(stage.add(key="another"))
        await soon(stage.end(here, old, FAILED))
        await soon(stage.store.prune(100))
    assert await stage.state(old.id) == "failed: error"


async def test_a_producer_of_the_same_key_waits_and_loses_nothing(stage: Stage) -> None:
    async with held(stage, key="k", payload='{"n":1}'):
        second = asyncio.ensure_future(stage.add(key="k", payload='{"n":2}'))
        await asyncio.sleep(0)
    job = await soon(second)
    assert (job.created, job.payload) == (False, {"n": 2})


async def test_an_older_job_that_waits_again_gives_way_when_the_transaction_has_committed(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    async with held(stage, key="k"):
        await soon(stage.end(runner, old, RETRIED))
        assert await stage.state(old.id) == "retrying"
    newer = await stage.claim_one(runner)
    assert newer.id != old.id
    assert await stage.state(old.id) == "cancelled: superseded"


@pytest.mark.parametrize("holds_blocked", [False, True], ids=["the promoted job", "the first blocked job"])
async def test_a_serial_queue_goes_on_past_a_job_that_is_held(stage: Stage, holds_blocked: bool) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    first = await stage.add(queue="mail")
    head = await stage.add(queue="mail", key="head")
    successor = await stage.add(queue="mail")
    running = await stage.claim_one(runner)
    assert (running.id, await stage.claim(runner)) == (first.id, [])
    if not holds_blocked:
        await stage.end(runner, running)
        assert await stage.state(head.id) == "ready"
    async with held(stage, queue="mail", key="head", delay=60.0):
        if holds_blocked:
            await soon(stage.end(runner, running))
        await soon(stage.store.repair(runner, 100))
        assert [job.id for job in await soon(stage.claim(runner))] == [successor.id]
    assert await stage.state(head.id) == "scheduled"


async def test_a_job_added_by_sql_whose_key_is_held_is_left_for_later(stage: Stage) -> None:
    runner = await stage.runner("work")
    held_back, other = await add_by_sql(stage), await add_by_sql(stage)
    results = [Routed(held_back, new(key="k")), Routed(other, new())]
    async with held(stage, key="k"):
        assert await soon(stage.store.route(runner, results)) == {other}
    assert await soon(stage.store.route(runner, results)) == {held_back}
    assert await stage.state(held_back) == "cancelled: superseded"


async def test_many_jobs_whose_keys_are_held_cost_the_others_neither_time_nor_their_turn(stage: Stage) -> None:
    runner, many = await stage.runner("work"), 100
    ids = [await add_by_sql(stage) for _ in range(many)]
    other = await add_by_sql(stage)
    keys = {id: f"k{id}" for id in ids}
    async with stage.store.transaction() as connection:
        await connection.run_sync(lambda user: stage.store.insert_in(user, [new(key=key) for key in keys.values()]))
        for waiting in (set(ids), {other}):
            found = [job.id for job in await stage.store.unrouted(runner, many)]
            assert set(found) == waiting
            routed = await stage.store.route(runner, [Routed(id, new(key=keys.get(id))) for id in found])
            assert routed == waiting - set(ids)


async def test_jobs_that_a_user_has_locked_are_neither_cancelled_nor_told_as_unrouted(stage: Stage) -> None:
    runner = await stage.runner("work")
    await add_by_sql(stage, "gone")
    await add_by_sql(stage)
    async with stage.store.transaction() as connection:
        await connection.execute(text("select from kongflow.job for update"))
        assert await soon(stage.store.unrouted(runner, 10)) == []
        assert await soon(stage.store.bury({"gone": None})) == 0
    assert len(await stage.store.unrouted(runner, 10)) == 1
    assert await stage.store.bury({"gone": None}) == 1


async def test_nothing_depends_on_the_isolation_that_the_database_gives_to_others(stage: Stage) -> None:
    await stage.sql("do $$ begin execute format('alter database %I set default_transaction_isolation = serializable', "
                    "current_database()); end $$")  # fmt: skip
    stores = [await stage.another() for _ in range(3)]
    runners = [await store.join(INFO) for store in stores]
    await stores[0].insert([new(queue=f"runs:{number % 5}") for number in range(60)])

    done: list[str] = []

    async def work(number: int) -> None:
        while len(done) < 60:
            for job in (await stores[number].claim(runners[number], 4, 0)).jobs:
                await settle_now(stores[number], runners[number], job)
                done.append(job.id)

    await asyncio.wait_for(asyncio.gather(*map(work, range(3))), 60)
    assert sorted(done, key=int) == [str(number) for number in range(1, 61)]


async def test_an_end_whose_job_is_held_is_left_for_later_and_its_neighbours_are_written(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 2})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    held_back, other = await stage.claim(runner)
    ends = [Settlement(job.id, job.lease, SUCCEEDED) for job in (held_back, other)]
    async with stage.store.transaction() as connection:
        await connection.execute(text("select from kongflow.job where id = :id for update"), {"id": int(held_back.id)})
        verdicts = await soon(stage.store.settle(runner, ends))
        assert [(verdict.later, verdict.lost) for verdict in verdicts] == [(True, False), (False, False)]
        assert len(await soon(stage.claim(await soon(stage.runner("work", queues={"mail": 2}))))) == 1
    (verdict,) = await stage.store.settle(runner, ends[:1])
    assert (verdict.later, verdict.lost) == (False, False)


async def test_a_completion_that_stays_open_keeps_its_own_job_alone(stage: Stage) -> None:
    dead, alive = await stage.runner("work"), await stage.runner("work")
    await stage.store.insert([new(), new()])
    completing, lost = await stage.claim(dead)
    async with stage.store.transaction() as connection:
        end = Settlement(completing.id, completing.lease, SUCCEEDED)
        await connection.run_sync(lambda sync: stage.store.settle_in(sync, end))
        assert [job.id for job in await soon(stage.lose(dead, witness=alive))] == [lost.id]
        await soon(stage.runner("work"))
        assert [job.id for job in await soon(stage.claim(alive))] == [lost.id]
    assert await stage.state(completing.id) == "succeeded"


async def test_a_claim_does_not_wait_for_the_note_of_a_key(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    await stage.claim_one(runner)
    await stage.add(key="k")
    second = await stage.claim_one(runner)
    async with held(stage, key="k"):
        await soon(stage.end(runner, second, RELEASED))
        assert [job.id for job in await soon(stage.claim(runner))] == [second.id]
        await soon(stage.store.prune(100))


async def test_of_a_key_the_job_that_was_added_last_wins_whenever_its_number_was_drawn(stage: Stage) -> None:
    runner = await stage.runner("work")
    async with held(stage, key="a"):
        slow = asyncio.ensure_future(stage.store.insert([new(key="a"), new(key="k")]))
        await until_async(lambda: _somebody_waits(stage))
        early = await soon(stage.add(key="k"))
        claimed = await soon(stage.claim_one(runner))
        assert claimed.id == early.id
    late = (await soon(slow))[1]
    await stage.end(runner, claimed, RETRIED)
    assert await stage.state(early.id) == "cancelled: superseded"
    assert late.id in await stage.claim_ids(runner)


async def test_a_retry_whose_key_is_being_taken_is_refused_and_says_by_whom(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    job = await stage.claim_one(runner)
    await stage.end(runner, job, FAILED)
    async with held(stage, key="k"):
        retry = asyncio.ensure_future(stage.store.retry(job.id, "{}"))
        await until_async(lambda: _somebody_waits(stage))
    with pytest.raises(JobStateConflict, match="holds its key 'k'"):
        await soon(retry)


async def test_two_retries_at_once_are_one(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await stage.end(runner, job, FAILED)
    retried = await asyncio.gather(*(stage.store.retry(job.id, "{}") for _ in range(4)))
    assert {(each.id, each.state) for each in retried} == {(job.id, "ready")}


async def test_a_runner_that_came_back_keeps_what_it_claimed_since(stage: Stage) -> None:
    back = await stage.runner("work")
    await stage.add()
    await stage.claim(back)
    access: Any = stage.store._access  # type: ignore[attr-defined]
    await stage.sql("update kongflow.runner set alive = false where id = :id", id=back)
    stage.renew(back)
    assert [job async for job in rescue_jobs(access, Refusals(), Retention(), back, "back")] == []
    assert (await stage.job("1")).state == "running"


async def settle_now(store: Store, runner: int, job: ClaimedJob) -> None:
    """As a runner does: a claim that began earlier may just hold the row of the job, and then the end is for later."""
    while (await store.settle(runner, [Settlement(job.id, job.lease, SUCCEEDED)]))[0].later:
        await asyncio.sleep(0)


async def _somebody_waits(stage: Stage) -> bool:
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await stage.sql(waiting))


async def test_a_claim_that_finds_its_job_locked_looks_again_soon(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add()
    async with stage.store.transaction() as connection:  # as a wait for the job does, for a moment
        await connection.execute(text(f"select from kongflow.job where id = {added.id} for update"))
        claimed = await soon(stage.store.claim(runner, 1, 0))
    assert claimed.jobs == ()
    assert claimed.next_due is not None
    assert claimed.next_due <= 0.1
    assert await stage.claim_ids(runner) == [added.id]
    assert await stage.next_due(runner) is None


async def test_a_due_job_that_a_user_holds_makes_no_runner_spin(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add(delay=5.0)
    async with stage.store.transaction() as connection:
        await connection.execute(text(f"select from kongflow.job where id = {added.id} for update"))
        stage.advance(6.0)
        claimed = await soon(stage.store.claim(runner, 1, 0))
    assert claimed.jobs == ()
    assert claimed.next_due is None
    assert await stage.claim_ids(runner) == [added.id]


async def test_what_a_repair_promotes_that_was_noted_while_it_waited_is_no_repair(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 2})
    _, head, last = [await stage.add(queue="mail", rule="mail") for _ in range(3)]
    done = (await stage.claim(runner))[1]
    await stage.end(runner, done, RELEASED)
    await stage.sql(f"update kongflow.job set state = 3, lane = queue where id = {last.id}")
    async with stage.store.transaction() as connection:  # as a claim does, for a moment
        await connection.execute(text("select from kongflow.lane where name = 'mail' for update"))
        repairing = asyncio.ensure_future(stage.store.repair(runner, 100))
        await until_async(lambda: _somebody_waits(stage))
        await stage.store.cancel(head.id)
    assert await repairing == 0
    assert await stage.state(last.id) == "ready"

"""A renewal that does not succeed is a failed one, whatever kept it: others go on, and take the runner's jobs."""

from __future__ import annotations

import asyncio

import pytest

from kongflow.errors import StoreReplaced, StoreUnavailable
from kongflow.store.postgres.heartbeat import PostgresLeaseKeeper
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio


def keeper_of(stage: Stage, runner: int, patience: float = 0.5) -> PostgresLeaseKeeper:
    return PostgresLeaseKeeper(stage.store._access, runner, patience)  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["the time is over", "the lock is not to be had"])
async def test_a_renewal_that_is_held_up_has_failed(stage: Stage, what: str) -> None:
    runner = await stage.runner("work")
    if what == "the lock is not to be had":
        await stage.sql("alter function kongflow.renew set lock_timeout = '100ms'")
    keeper = keeper_of(stage, runner)
    async with stage.store.transaction() as user:
        await user.exec_driver_sql(f"select from kongflow.runner where id = {runner} for update")
        with pytest.raises(StoreUnavailable):
            await asyncio.to_thread(keeper.renew, [])
    await asyncio.to_thread(keeper.renew, [])
    keeper.close()


async def test_a_runner_that_the_database_does_not_know_any_more_is_told(stage: Stage) -> None:
    runner = await stage.runner("work")
    keeper = keeper_of(stage, runner, 5.0)
    await asyncio.to_thread(keeper.renew, [])
    await stage.sql("delete from kongflow.runner")
    with pytest.raises(StoreReplaced, match="does not know this runner any more"):
        await asyncio.to_thread(keeper.renew, [])
    keeper.close()


@pytest.mark.parametrize("broken", ["its row", "the connection"])
async def test_a_job_that_cannot_be_moved_after_a_step_of_the_clock_costs_no_renewal(stage: Stage, broken: str) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await stage.sql("update kongflow.job set claimed_at = claimed_at - interval '2 min'")
    what = "raise exception 'damaged'" if broken == "its row" else "perform pg_terminate_backend(pg_backend_pid())"
    await stage.sql(
        f"create function public.broken() returns trigger language plpgsql as $$ begin {what}; return new; end $$"
    )
    await stage.sql("create trigger broken before update on kongflow.job for each row execute function public.broken()")
    keeper = keeper_of(stage, runner, 5.0)
    stage.store._access.clock.set_by += 60.0  # type: ignore[attr-defined]
    for _ in range(3):
        renewal = await asyncio.to_thread(keeper.renew, [job.lease])
        assert (renewal.lost, renewal.unknown) == (frozenset(), frozenset())
    keeper.close()


@pytest.mark.parametrize("work", ["claim", "repair"])
async def test_what_holds_lanes_does_not_wait_for_the_runner(stage: Stage, work: str) -> None:
    runner = await stage.runner("work")
    await stage.add("unknown")
    async with stage.store.transaction() as user:
        await user.exec_driver_sql(f"select from kongflow.runner where id = {runner} for update")
        await (stage.claim(runner) if work == "claim" else stage.store.repair(runner, 100))
    assert not await stage.sql(f"select by_kind from kongflow.runner where id = {runner}")
    await (stage.claim(runner) if work == "claim" else stage.store.repair(runner, 100))
    assert await stage.sql(f"select by_kind from kongflow.runner where id = {runner}")


async def test_a_renewal_beside_the_own_leave_is_no_error(stage: Stage) -> None:
    runner = await stage.runner("work")
    keeper = keeper_of(stage, runner, 5.0)
    await stage.store.leave(runner)
    await asyncio.to_thread(keeper.renew, [])
    keeper.close()

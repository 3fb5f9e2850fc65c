"""Who holds a lock that others may wait for waits for nobody who may hold it the other way round."""

from __future__ import annotations

import pytest

from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


async def test_a_repair_that_holds_lanes_does_not_wait_for_a_claim_that_holds_the_runner_and_wants_a_lane(
    stage: Stage,
) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    await stage.claim(runner, limit=1)
    await stage.add("unknown to the runner")
    looks_by_kind = f"select by_kind from kongflow.runner where id = {runner}"

    async with stage.store.transaction() as claim:
        await claim.exec_driver_sql(f"select from kongflow.runner where id = {runner} for update")
        await stage.store.repair(runner, 10)
        assert not await stage.sql(looks_by_kind), "it is noted the next time"

    await stage.store.repair(runner, 10)
    assert await stage.sql(looks_by_kind)

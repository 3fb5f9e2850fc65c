"""A runner that comes back while somebody is about to call it dead, or to end its attempts, loses nothing; and one that
nobody can rescue holds up no other.
"""

from __future__ import annotations

from typing import Any

import pytest

from kongflow.core.catalog import Retention
from kongflow.errors import StoreUnavailable
from kongflow.store.postgres.settling import settle
from kongflow.store.records import Settlement
from tests.store.stage import LEASE, RELEASED, Stage

pytestmark = pytest.mark.anyio


def access_of(stage: Stage) -> Any:
    return stage.store._access  # type: ignore[attr-defined]


async def test_a_renewal_between_the_last_look_and_the_verdict_saves_a_runner(stage: Stage) -> None:
    late = await stage.runner("work")
    seen_at = await stage.sql("select seen_at from kongflow.runner where id = :id", id=late)
    stage.advance(LEASE + 1)
    stage.renew(late)

    assert await access_of(stage).value("declare_dead", runner=late, seen_at=seen_at) is False

    assert [runner.alive for runner in await stage.store.runners()] == [True]


async def test_ends_that_were_decided_before_a_runner_came_back_are_not_written(stage: Stage) -> None:
    back = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(back)
    ends = [Settlement(job.id, job.lease, RELEASED)]

    assert [end.lost for end in await settle(access_of(stage), ends, Retention(), dead=back)] == [True]

    assert await stage.state(job.id) == "running"


async def test_a_lost_runner_that_nobody_can_rescue_holds_up_no_other(stage: Stage) -> None:
    alive = await stage.runner("nothing")
    one, job = await stage.runner("work", crash_limit=1), await stage.add()
    await stage.claim(one)
    two, other = await stage.runner("work", crash_limit=1), await stage.add()
    await stage.claim(two)
    await stage.damage(job.id, "53100")

    assert [rescued.id for rescued in await stage.lose(one, two, witness=alive)] == [other.id]

    with pytest.raises(StoreUnavailable):
        await stage.store.rescue(alive)


@pytest.mark.parametrize("sqlstate", ["42P01", "42501", "0A000", "55000", "58030", "XX000"])
async def test_a_lost_job_that_is_not_moved_is_left_whatever_error_it_meets(stage: Stage, sqlstate: str) -> None:
    dead, jobs = await stage.runner("work", crash_limit=1), [await stage.add() for _ in range(3)]
    await stage.claim(dead)
    await stage.damage(jobs[1].id, sqlstate)
    rescued = await stage.lose(dead)
    assert {job.id: job.refused is None for job in rescued} == {job.id: job is not jobs[1] for job in jobs}

"""A runner that comes back while somebody is about to call it dead, or to end its attempts, loses nothing; and one that
nobody can rescue holds up no other.
"""

from __future__ import annotations

from typing import Any

import pytest

from kongflow.core.catalog import Retention
from kongflow.errors import StoreBusy
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


async def test_a_lost_runner_whose_jobs_somebody_keeps_locked_holds_up_no_other(stage: Stage) -> None:
    alive = await stage.runner("nothing")
    one, job = await stage.runner("work", crash_limit=1), await stage.add()
    await stage.claim(one)
    two, other = await stage.runner("work", crash_limit=1), await stage.add()
    await stage.claim(two)
    await stage.damage(job.id, "55P03")

    assert [rescued.id for rescued in await stage.lose(one, two, witness=alive)] == [other.id]

    with pytest.raises(StoreBusy):
        await stage.store.rescue(alive)

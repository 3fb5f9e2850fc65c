"""A runner that comes back while somebody is about to call it dead, or to end its attempts, loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kongflow.core.catalog import Retention
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

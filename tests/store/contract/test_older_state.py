"""The database may come back in an older state: a replica takes over that had not received the last writes, or a backup
is put back. Nothing that was given out in the lost time is given out again.

Two databases that are alike stand for the states: in both the same is done, in one by those who are forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import ClaimedJob
from kongflow.store.open import open_store
from kongflow.store.records import Settlement
from tests.store.stage import POLL, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

SERIAL = {"mail": 1}


@pytest.fixture
async def older(
    stage: Stage, database: DatabaseSettings, fresh_database: Callable[[str], DatabaseSettings]
) -> AsyncIterator[Stage]:
    settings = fresh_database("postgres" if stage.on_postgres else "sqlite")
    store = open_store(settings, POLL)
    await store.open()
    yield Stage(settings, store)
    await store.close()


async def claimed(stage: Stage) -> list[ClaimedJob]:
    """The first two jobs: one claimed, the next of its queue handed over."""
    runner = await stage.runner("work", queues=SERIAL)
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    (first,) = await stage.claim(runner)
    settlement = Settlement(first.id, first.lease, SUCCEEDED, next_of="mail")
    (settled,) = await stage.store.settle(runner, [settlement])
    assert settled.next is not None
    return [first, settled.next]


async def test_a_zombie_of_the_lost_time_cannot_settle_a_job_that_was_given_again(stage: Stage, older: Stage) -> None:
    stale = await claimed(stage)
    owner = await older.runner("work")
    await older.store.insert([new() for _ in range(2)])
    held = await older.claim(owner)
    assert {job.id for job in stale} <= {job.id for job in held}

    settled = await older.store.settle(owner, [Settlement(job.id, job.lease, SUCCEEDED) for job in stale])

    assert [each.lost for each in settled] == [True, True]
    assert not any([(await older.end(owner, job)).lost for job in held])


async def test_a_runner_of_the_lost_time_shares_its_id_with_nobody(stage: Stage, older: Stage) -> None:
    known = {await stage.runner("work") for _ in range(3)}
    assert known.isdisjoint({await older.runner("work") for _ in range(3)})

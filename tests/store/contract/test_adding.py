"""Adding: all or none, in order, and what comes back is what is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kongflow.core.job import JobState
from kongflow.errors import StoreRefused
from kongflow.store.records import JobFilter
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


async def test_what_insert_returns_is_what_get_returns(stage: Stage) -> None:
    added = await stage.add(
        payload='{"a":[1,{"b":null}]}',
        queue="mail",
        priority=-3,
        max_attempts=4,
        key="k",
        flags=("f",),
        tags=("t", "u"),
    )

    assert added.created
    assert replace(added, created=False) == await stage.job(added.id)


async def test_jobs_of_one_call_get_growing_ids_in_order(stage: Stage) -> None:
    jobs = await stage.store.insert(
        [new(payload=f'{{"n":{index}}}', key="k" if index == 2 else None) for index in range(5)]
    )
    assert [job.payload["n"] for job in jobs] == [0, 1, 2, 3, 4]
    assert [int(job.id) for job in jobs] == sorted(int(job.id) for job in jobs)


async def test_nothing_added_is_nothing_stored(stage: Stage) -> None:
    assert await stage.store.insert([]) == []


async def test_one_bad_job_and_none_is_stored(stage: Stage) -> None:
    with pytest.raises(StoreRefused):
        await stage.store.insert([new(), new(priority=10**6), new()])
    assert (await stage.store.list_jobs(JobFilter(), 10)).items == ()


async def test_a_run_at_in_the_future_is_scheduled_and_rounded_up_to_a_millisecond(stage: Stage) -> None:
    soon = datetime.now(UTC).replace(microsecond=1) + timedelta(days=1)
    job = await stage.add(run_at=soon)
    assert (job.state, job.run_at) == (JobState.SCHEDULED, soon.replace(microsecond=1000))


async def test_a_run_at_in_the_past_is_a_place_in_the_order(stage: Stage) -> None:
    past = datetime(2001, 2, 3, tzinfo=UTC)
    job = await stage.add(run_at=past)
    assert (job.state, job.run_at) == (JobState.READY, past)
    assert job.created_at > past


@pytest.mark.parametrize("year", [1, 1969, 9999])
async def test_any_instant_of_a_datetime_can_be_stored(stage: Stage, year: int) -> None:
    job = await stage.add(run_at=datetime(year, 12, 31, tzinfo=UTC))
    assert (await stage.job(job.id)).run_at.year == max(year, 1970)


async def test_integers_of_64_bits_and_odd_texts_come_back_exactly(stage: Stage) -> None:
    runner = await stage.runner("work")
    payload = '{"max":9223372036854775807,"min":-9223372036854775808,"zero":-0.0,"text":"\\u0001😀\\\\"}'
    await stage.add(payload=payload)
    job = await stage.claim_one(runner)
    assert job.payload["max"] == 2**63 - 1
    assert job.payload["min"] == -(2**63)
    assert job.payload["text"] == "\x01😀\\"


async def test_an_id_that_is_none_finds_nothing(stage: Stage) -> None:
    for id in ("", "x", "-1", "1.5", "9" * 40, "٣"):
        assert await stage.store.get(id) is None
        assert await stage.store.cancel(id) is None
        assert not await stage.store.delete(id)
        assert await stage.store.await_outcome(id) is None

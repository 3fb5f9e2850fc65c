"""Waiting jobs start now, or at another time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kongflow.errors import JobNotFound, JobStateConflict
from tests.store.stage import RETRIED, SUCCEEDED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio

FUTURE = datetime(2100, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


async def test_a_job_that_waits_for_its_time_runs_now(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(delay=3600.0, key="k")
    now = await stage.store.run_now(job.id)
    assert (now.state, now.key, now.payload) == ("ready", "k", job.payload)
    assert now.run_at < job.run_at
    assert now == await stage.job(job.id)
    assert await stage.claim_ids(runner) == [job.id]


async def test_a_job_that_waits_for_its_retry_runs_now_with_its_attempts(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    now = await stage.store.run_now(job.id)
    assert (now.state, now.attempt, len(now.attempts)) == ("ready", 1, 1)
    assert (await stage.claim_one(runner)).attempt == 2


async def test_a_job_that_may_start_already_keeps_its_place(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    running = await stage.claim_one(runner)
    before = await stage.job("3")
    assert before.state == "blocked"
    assert await stage.store.run_now("3") == before
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == ["2"]


@pytest.mark.parametrize("fields", [{}, {"delay": 60.0}])
async def test_a_waiting_job_is_given_an_instant(stage: Stage, fields: dict[str, float]) -> None:
    runner = await stage.runner("work")
    job = await stage.add(**fields)
    moved = await stage.store.reschedule(job.id, FUTURE)
    # To the millisecond, rounded up: nothing starts early.
    assert (moved.state, moved.run_at) == ("scheduled", FUTURE.replace(microsecond=679_000))
    assert moved == await stage.job(job.id)
    stage.advance(120.0)
    assert await stage.claim(runner) == []


async def test_seconds_count_from_the_stores_clock(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    stage.advance(1000.0)
    moved = await stage.store.reschedule(job.id, 10.0)
    assert timedelta(seconds=1009) < moved.run_at - job.created_at < timedelta(seconds=1030)
    assert await stage.claim(runner) == []
    stage.advance(11.0)
    assert await stage.claim_ids(runner) == [job.id]


async def test_a_time_that_has_passed_is_a_place_in_the_order(stage: Stage) -> None:
    runner = await stage.runner("work")
    first, second = [job.id for job in await stage.store.insert([new(), new(delay=60.0)])]
    moved = await stage.store.reschedule(second, datetime(2020, 1, 1, tzinfo=UTC))
    assert moved.state == "ready"
    assert await stage.claim_ids(runner) == [second, first]


async def test_a_retrying_job_stays_retrying_at_its_new_time(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    moved = await stage.store.reschedule(job.id, 3600.0)
    assert (moved.state, moved.attempt) == ("retrying", 1)


async def test_a_ready_job_that_is_postponed_hands_its_slot_on(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.end(runner, await stage.claim_one(runner))
    ready, blocked = (await stage.job("2")), (await stage.job("3"))
    assert (ready.state, blocked.state) == ("ready", "blocked")
    await stage.store.reschedule("2", 60.0)
    assert await stage.claim_ids(runner) == ["3"]


async def test_a_blocked_job_that_is_postponed_waits_for_its_time_and_then_for_its_queue(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    running = await stage.claim_one(runner)
    assert (await stage.job("2")).state == "blocked"
    assert (await stage.store.reschedule("2", 60.0)).state == "scheduled"
    stage.advance(61.0)
    stage.renew(runner, [running.lease])
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == ["2"]


async def test_a_blocked_job_that_is_given_an_earlier_time_takes_no_slot_that_is_not_free(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    running = await stage.claim_one(runner)
    await stage.store.reschedule("3", datetime(2020, 1, 1, tzinfo=UTC))
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == ["3"]


async def test_a_postponed_job_is_as_old_as_its_new_time(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.store.reschedule(job.id, 100.0)
    stage.advance(110.0)
    assert (await stage.claim_one(runner)).age < 60


async def test_an_unrouted_job_stays_unrouted(stage: Stage) -> None:
    id = await add_by_sql(stage)
    assert (await stage.store.run_now(id)).state == "unrouted"
    moved = await stage.store.reschedule(id, FUTURE)
    assert (moved.state, moved.run_at.year) == ("unrouted", 2100)
    assert (await stage.store.run_now(id)).run_at.year < 2100


async def test_a_running_job_is_refused_and_one_that_has_ended_too(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    claimed = await stage.claim_one(runner)
    for refused in (stage.store.run_now(job.id), stage.store.reschedule(job.id, 60.0)):
        with pytest.raises(JobStateConflict, match="is running"):
            await refused
    await stage.end(runner, claimed, SUCCEEDED)
    for refused in (stage.store.run_now(job.id), stage.store.reschedule(job.id, 60.0)):
        with pytest.raises(JobStateConflict, match="has ended"):
            await refused
    assert await stage.state(job.id) == "succeeded"


@pytest.mark.parametrize("id", ["77", "nonsense"])
async def test_a_job_that_is_not_there_is_not_found(stage: Stage, id: str) -> None:
    with pytest.raises(JobNotFound, match="there is no job"):
        await stage.store.run_now(id)
    with pytest.raises(JobNotFound):
        await stage.store.reschedule(id, 1.0)


async def test_a_postponed_job_of_a_key_is_still_the_one_that_a_producer_replaces(stage: Stage) -> None:
    job = await stage.add(key="k")
    await stage.store.reschedule(job.id, 3600.0)
    again = await stage.add(key="k", payload='{"n":2}')
    assert (again.id, again.created, again.state) == (job.id, False, "ready")

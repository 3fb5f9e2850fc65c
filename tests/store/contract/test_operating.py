"""What people do to single jobs."""

from __future__ import annotations

import pytest

from kongflow.core.outcome import Finish
from kongflow.errors import JobNotFound, JobStateConflict
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fields", [{}, {"delay": 60.0}, {"key": "k"}, {"queue": "mail"}])
async def test_a_waiting_job_is_cancelled_at_once(stage: Stage, fields: dict[str, object]) -> None:
    job = await stage.add(**fields)
    cancelled = await stage.store.cancel(job.id)
    assert cancelled == await stage.job(job.id)
    assert (cancelled.state, cancelled.reason) == ("cancelled", "request")
    assert cancelled.finished_at is not None


async def test_a_running_job_is_asked_and_its_runner_can_see_that(stage: Stage) -> None:
    runner, other = await stage.runner("work"), await stage.runner("work", pid=2)
    await stage.store.insert([new(), new(), new()])
    asked, _ = await stage.claim(runner, limit=2)
    elsewhere = await stage.claim_one(other)
    assert await stage.store.asked_to_cancel(runner) == frozenset()
    job = await stage.store.cancel(asked.id)
    assert job is not None
    assert (job.state, job.cancel_requested) == ("running", True)
    await stage.store.cancel(elsewhere.id)
    assert await stage.store.asked_to_cancel(runner) == {asked.lease}
    await stage.end(runner, asked)
    assert await stage.store.asked_to_cancel(runner) == frozenset()


@pytest.mark.parametrize("end", [FAILED, RETRIED, RELEASED])
async def test_a_requested_cancel_wins_over_every_later_end(stage: Stage, end: Finish) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    job = await stage.claim_one(runner)
    await stage.store.cancel(job.id)
    await stage.add(key="k")
    settled = await stage.end(runner, job, end)
    assert isinstance(settled.transition, Finish)
    assert (settled.transition.state, settled.transition.reason) == ("cancelled", "request")
    assert await stage.state(job.id) == "cancelled: request"


async def test_a_requested_cancel_wins_over_a_lost_runner(stage: Stage) -> None:
    dead, alive = await stage.runner("work"), await stage.runner("work")
    job = await stage.add()
    await stage.claim(dead)
    await stage.store.cancel(job.id)
    await stage.lose(dead, witness=alive)
    assert await stage.state(job.id) == "cancelled: request"


async def test_success_wins_over_a_requested_cancel(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await stage.store.cancel(job.id)
    await stage.end(runner, job, SUCCEEDED)
    assert await stage.state(job.id) == "succeeded"


async def test_a_finished_job_is_returned_as_it_is(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await stage.end(runner, job, FAILED)
    assert await stage.store.cancel(job.id) == await stage.job(job.id)
    assert await stage.state(job.id) == "failed: error"


async def test_a_finished_job_runs_again_under_its_id_from_attempt_0(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    added = await stage.add(queue="mail", priority=3, max_attempts=2, tags=("t",), flags=("f",))
    await stage.end(runner, await stage.claim_one(runner), FAILED)
    retried = await stage.store.retry(added.id, '{"new":1}')
    assert (retried.id, retried.state, retried.attempt, retried.crashes) == (added.id, "ready", 0, 0)
    assert (retried.queue, retried.priority, retried.max_attempts) == ("mail", 3, 2)
    assert (retried.tags, retried.flags, retried.payload) == (("t",), ("f",), {"new": 1})
    assert [attempt.outcome for attempt in retried.attempts] == ["failed"]
    assert (retried.reason, retried.finished_at, retried.created_at) == (None, None, added.created_at)
    claimed = await stage.claim_one(runner)
    assert (claimed.attempt, claimed.claims) == (1, 2)
    await stage.end(runner, claimed)
    assert await stage.state(added.id) == "succeeded"
    assert [each.outcome for each in (await stage.job(added.id)).attempts] == ["failed", "succeeded"]


async def test_a_retried_job_takes_no_more_than_the_slots_of_its_queue(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    first, second = [job.id for job in await stage.store.insert([new(queue="mail"), new(queue="mail")])]
    await stage.end(runner, await stage.claim_one(runner))
    await stage.claim(runner)
    await stage.store.retry(first, "{}")
    assert await stage.claim(runner) == []
    assert await stage.state(second) == "running"


async def test_a_job_that_waits_for_its_time_runs_now(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(delay=3600.0)
    retried = await stage.store.retry(job.id, '{"new":1}')
    assert (retried.state, retried.payload) == ("ready", {"new": 1})
    assert await stage.claim_ids(runner) == [job.id]


async def test_a_job_that_waits_for_its_retry_runs_now_and_its_crash_record_is_cleared(stage: Stage) -> None:
    alive, dead = await stage.runner("work"), await stage.runner("work")
    job = await stage.add()
    await stage.claim(dead)
    await stage.lose(dead, witness=alive)
    retried = await stage.store.retry(job.id, "{}")
    assert (retried.crashes, retried.state) == (0, "ready")
    await stage.end(alive, await stage.claim_one(alive), RETRIED)
    assert (await stage.store.retry(job.id, "{}")).attempt == 1
    assert (await stage.claim_one(alive)).attempt == 2


async def test_a_blocked_job_that_is_retried_keeps_its_place(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    running = await stage.claim_one(runner)
    await stage.store.retry("3", "{}")
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == ["2"]


async def test_a_running_job_is_not_retried_and_not_deleted(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.claim(runner)
    with pytest.raises(JobStateConflict, match="is running"):
        await stage.store.retry(job.id, "{}")
    with pytest.raises(JobStateConflict, match="is running"):
        await stage.store.delete(job.id)
    assert await stage.state(job.id) == "running"


async def test_a_job_that_is_not_there_is_not_retried(stage: Stage) -> None:
    with pytest.raises(JobNotFound, match="there is no job 77"):
        await stage.store.retry("77", "{}")


async def test_deleting_leaves_nothing(stage: Stage) -> None:
    runner = await stage.runner("work")
    finished, waiting = await stage.add(), await stage.add(delay=60.0, key="k")
    await stage.end(runner, await stage.claim_one(runner))
    for job in (finished, waiting):
        assert await stage.store.delete(job.id)
        assert await stage.state(job.id) == "gone"
        assert not await stage.store.delete(job.id)
    assert (await stage.add(key="k")).created

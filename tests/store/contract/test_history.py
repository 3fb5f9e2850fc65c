"""What is left of a job that has ended, and for how long."""

from __future__ import annotations

import pytest

from kongflow.core.catalog import Retention
from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish
from kongflow.core.task import Keep
from tests.store.stage import FAILED, RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

CANCELLED = Finish(JobState.CANCELLED, Reason.HANDLER, detail="not wanted")


async def test_a_finished_job_keeps_everything(stage: Stage) -> None:
    runner = await stage.runner("work", pid=9)
    added = await stage.add(payload='{"n":1}', queue="mail", priority=4, key="k", tags=("t",), flags=("f",))
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    stage.advance(31.0)
    claimed = await stage.claim_one(runner)
    await stage.store.progress(claimed.id, claimed.lease, '"half"')
    await stage.end(runner, claimed, Finish(JobState.SUCCEEDED, result='{"sum":3}'))
    job = await stage.job(added.id)
    assert (job.state, job.reason, job.result, job.progress) == ("succeeded", None, {"sum": 3}, "half")
    assert (job.task, job.queue, job.priority, job.payload) == ("work", "mail", 4, {"n": 1})
    assert (job.key, job.tags, job.flags) == ("k", ("t",), ("f",))
    assert (job.attempt, job.claims, job.runner, len(job.attempts)) == (2, 2, "here:9", 2)
    assert job.created_at == added.created_at
    assert job.finished_at is not None
    assert job.claimed_at is not None
    assert job.created_at <= job.claimed_at <= job.finished_at


async def test_the_words_of_a_handler_that_cancelled_are_kept(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), CANCELLED)
    ended = await stage.job(job.id)
    assert (ended.state, ended.reason, ended.detail) == ("cancelled", "handler", "not wanted")


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(Keep.ALL, ["succeeded", "failed", "cancelled"]), (Keep.FAILED, ["failed"]), (Keep.NONE, [])],
)
async def test_keep_says_what_goes_into_the_history(stage: Stage, keep: Keep, kept: list[str]) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new() for _ in range(3)])
    jobs = await stage.claim(runner)
    for job, end in zip(jobs, (SUCCEEDED, FAILED, CANCELLED), strict=True):
        assert not (await stage.end(runner, job, end, keep)).lost
    left = [job for id in (job.id for job in jobs) if (job := await stage.store.get(id)) is not None]
    assert [job.state for job in left] == kept


async def test_each_outcome_has_its_retention(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(succeeded=60.0, failed=180.0, cancelled=120.0))
    await stage.store.insert([new() for _ in range(3)])
    jobs = await stage.claim(runner)
    for job, end in zip(jobs, (SUCCEEDED, FAILED, CANCELLED), strict=True):
        await stage.end(runner, job, end)
    left: list[int] = []
    for _ in range(4):
        await stage.store.prune(100)
        left.append(len([job for job in jobs if await stage.store.get(job.id)]))
        stage.advance(60.1)
    assert left == [3, 2, 1, 0]


async def test_pruning_is_bounded_and_says_how_many(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(succeeded=60.0))
    await stage.store.insert([new() for _ in range(5)])
    for job in await stage.claim(runner):
        await stage.end(runner, job)
    assert await stage.store.prune(100) == 0
    stage.advance(60.1)
    assert [await stage.store.prune(2) for _ in range(4)] == [2, 2, 1, 0]


async def test_an_awaited_outcome_stays_readable_for_ten_minutes_whatever_keep_says(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    awaited = await stage.store.await_outcome(job.id)
    assert awaited is not None
    assert awaited.state == "ready"
    await stage.end(runner, await stage.claim_one(runner), SUCCEEDED, Keep.NONE)
    stage.advance(540.0)
    await stage.store.prune(100)
    assert await stage.state(job.id) == "succeeded"
    stage.advance(60.1)
    await stage.store.prune(100)
    assert await stage.state(job.id) == "gone"


async def test_a_job_can_be_awaited_from_the_moment_it_is_added(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(awaited=True)
    await stage.end(runner, await stage.claim_one(runner), FAILED, Keep.NONE)
    assert await stage.state(job.id) == "failed: error"


async def test_a_short_retention_is_prolonged_for_those_who_wait(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(succeeded=1.0))
    before, after = await stage.add(awaited=True), await stage.add()
    for job in await stage.claim(runner):
        await stage.end(runner, job)
    assert await stage.store.await_outcome(after.id) == await stage.job(after.id)
    stage.advance(500.0)
    await stage.store.prune(100)
    assert [await stage.state(job.id) for job in (before, after)] == ["succeeded", "succeeded"]


async def test_an_await_does_not_shorten_a_longer_retention(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(awaited=True)
    await stage.end(runner, await stage.claim_one(runner))
    await stage.store.await_outcome(job.id)
    stage.advance(3600.0)
    await stage.store.prune(100)
    assert await stage.state(job.id) == "succeeded"


async def test_waiting_for_an_awaited_job_twice_is_the_same(stage: Stage) -> None:
    job = await stage.add()
    first = await stage.store.await_outcome(job.id)
    assert first == await stage.store.await_outcome(job.id) == await stage.job(job.id)


async def test_jobs_that_nobody_ran_go_by_the_retention_that_was_published_last(stage: Stage) -> None:
    await stage.runner("work", retention=Retention(cancelled=5.0))
    job = await stage.add()
    await stage.store.cancel(job.id)
    stage.advance(6.0)
    assert await stage.store.prune(10) == 1


async def test_rows_of_runners_and_configs_that_nobody_needs_go_too(stage: Stage) -> None:
    old = await stage.runner("work", queues={"mail": 1})
    alive = await stage.runner("work", queues={"mail": 2})
    await stage.store.leave(old)
    stage.advance(8 * 86_400.0)
    stage.renew(alive)
    await stage.store.prune(10)
    for table in ("runner", "config"):
        assert await stage.sql(f"select count(*) from {stage.table(table)}") == 1
    rules = await stage.store.rules_in_force()
    assert rules is not None
    assert rules.effective("mail").slots == 2

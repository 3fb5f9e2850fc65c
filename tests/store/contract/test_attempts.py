"""Attempts are honest: counted at the claim, given back by a release, a snooze and a crash."""

from __future__ import annotations

import pytest

from kongflow.core.attempts import AttemptError
from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish, RunAgain
from kongflow.store.records import Settlement
from tests.store.stage import RELEASED, RETRIED, SUCCEEDED, Stage

pytestmark = pytest.mark.anyio


async def test_an_attempt_counts_at_the_claim(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.claim(runner)
    running = await stage.job(job.id)
    assert (running.state, running.attempt, running.claims, running.runner) == ("running", 1, 1, "here:1")
    assert running.claimed_at is not None


async def test_a_retry_waits_for_its_delay_and_is_the_next_attempt(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RunAgain(300.0, error=AttemptError("ValueError", "no")))
    assert await stage.state(job.id) == "retrying"
    stage.advance(240.0)
    assert await stage.claim(runner) == []
    stage.advance(60.1)
    assert (await stage.claim_one(runner)).attempt == 2


async def test_a_retry_without_a_delay_is_ready_at_once(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RunAgain(0.0, error=AttemptError("E", "")))
    assert (await stage.claim_one(runner)).attempt == 2


async def test_a_release_gives_the_attempt_back_and_counts_the_start(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RELEASED)
    waiting = await stage.job(job.id)
    assert (waiting.state, waiting.attempt, waiting.claims, waiting.crashes) == ("ready", 0, 1, 0)
    again = await stage.claim_one(runner)
    assert (again.attempt, again.claims) == (1, 2)


async def test_a_crash_that_its_own_runner_writes_gives_the_attempt_back_and_is_counted(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add()
    for crash in (1, 2):
        job = await stage.claim_one(runner)
        (settled,) = await stage.store.settle(runner, [Settlement(job.id, job.lease, RELEASED, crashed=True)])
        assert not settled.lost
        waiting = await stage.job(added.id)
        assert (waiting.state, waiting.attempt, waiting.crashes, waiting.claims) == ("ready", 0, crash, crash)


async def test_a_crash_that_ends_the_job_is_in_its_history(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    end = Finish(JobState.FAILED, Reason.CRASHED, error=AttemptError("kongflow.Crashed", "gone"))
    await stage.store.settle(runner, [Settlement(job.id, job.lease, end, crashed=True)])
    ended = await stage.job(job.id)
    assert (ended.state, ended.reason, ended.attempt, ended.crashes) == ("failed", "crashed", 0, 1)


async def test_a_stale_crash_counts_for_nothing(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    (settled,) = await stage.store.settle(runner, [Settlement(job.id, job.lease + 1, RELEASED, crashed=True)])
    assert settled.lost
    assert (await stage.job(job.id)).crashes == 0


async def test_a_snooze_gives_the_attempt_back_and_is_no_retry(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RunAgain(30.0, gives_back=True))
    waiting = await stage.job(job.id)
    assert (waiting.state, waiting.attempt, waiting.error) == ("scheduled", 0, None)
    stage.advance(30.1)
    assert (await stage.claim_one(runner)).attempt == 1


async def test_a_delay_beyond_all_calendars_is_the_last_instant_there_is(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), RunAgain(1e18))
    assert (await stage.job(job.id)).run_at.year == 9999


async def test_the_age_of_a_job_counts_from_when_it_was_first_ready(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(delay=100.0)
    stage.advance(101.0)
    await stage.end(runner, await stage.claim_one(runner), RETRIED)
    stage.advance(50.0)
    assert (await stage.claim_one(runner)).age == pytest.approx(51.0, abs=20.0)


async def test_progress_is_that_of_the_attempt(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    assert await stage.store.progress(job.id, job.lease, "0.5")
    assert (await stage.job(job.id)).progress == 0.5
    await stage.end(runner, job, RunAgain(0.0))
    job = await stage.claim_one(runner)
    assert (await stage.job(job.id)).progress is None
    await stage.end(runner, job, SUCCEEDED)
    assert not await stage.store.progress(job.id, job.lease, "1")

"""What is kept of each attempt that has ended: when, where, how, the error, and what its handler logged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kongflow.core.attempts import AttemptError, AttemptOutcome, EndedAttempt, HandlerLog, LogLine
from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish, RunAgain, Transition
from kongflow.core.task import Keep
from kongflow.store.records import JobFilter, Routed, Settlement
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, add_by_sql

pytestmark = pytest.mark.anyio

SNOOZED = RunAgain(0.0, gives_back=True)
CRASHED = replace(RELEASED, error=AttemptError("kongflow.Crashed", "gone"))
NOON = datetime(2026, 11, 30, 12, 0, 0, 5000, UTC)


async def end_with(stage: Stage, runner: int, transition: Transition, **fields: object) -> EndedAttempt:
    """Run the only job once and return what is kept of it."""
    job = await stage.claim_one(runner)
    await stage.store.settle(runner, [Settlement(job.id, job.lease, transition, **fields)])  # type: ignore[arg-type]
    return (await stage.job(job.id)).attempts[-1]


@pytest.mark.parametrize(
    ("end", "crashed", "outcome"),
    [
        (SUCCEEDED, False, "succeeded"),
        (FAILED, False, "failed"),
        (RETRIED, False, "failed"),
        (Finish(JobState.CANCELLED, Reason.HANDLER, detail="no"), False, "cancelled"),
        (SNOOZED, False, "snoozed"),
        (RELEASED, False, "released"),
        (CRASHED, True, "crashed"),
        (Finish(JobState.FAILED, Reason.CRASHED, error=CRASHED.error), True, "crashed"),
    ],
)
async def test_every_end_of_an_attempt_is_kept(stage: Stage, end: Transition, crashed: bool, outcome: str) -> None:
    runner = await stage.runner("work", pid=7)
    await stage.add()
    kept = await end_with(stage, runner, end, crashed=crashed)
    assert (kept.attempt, kept.outcome, kept.runner, kept.error) == (1, outcome, "here:7", end.error)
    assert kept.log == HandlerLog()


async def test_the_attempts_of_a_job_are_in_order_with_their_times_and_runners(stage: Stage) -> None:
    first, second = await stage.runner("work", pid=1), await stage.runner("work", pid=2)
    job = await stage.add()
    await end_with(stage, first, RETRIED)
    stage.advance(100.0)
    await end_with(stage, second, SNOOZED)
    claimed = await stage.claim_one(first)
    stage.advance(50.0)
    await stage.end(first, claimed)
    ended = await stage.job(job.id)
    assert [(each.attempt, each.outcome, each.runner) for each in ended.attempts] == [
        (1, "failed", "here:1"),
        (2, "snoozed", "here:2"),
        (2, "succeeded", "here:1"),
    ]
    times = [time for each in ended.attempts for time in (each.started_at, each.ended_at)]
    assert times == sorted(times, key=lambda time: time or NOON)
    assert 50.0 <= ended.attempts[2].duration < 90.0
    for kept, stored in zip(times[-2:], (ended.claimed_at, ended.finished_at), strict=True):
        assert kept is not None
        assert stored is not None
        assert timedelta(0) <= stored - kept < timedelta(milliseconds=1)
    assert ended.error == RETRIED.error


async def test_of_many_attempts_the_first_5_and_the_last_25_are_kept(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    for number in range(1, 33):
        await end_with(stage, runner, RunAgain(0.0, error=AttemptError("E", str(number))))
    kept = [each.attempt for each in (await stage.job(job.id)).attempts]
    assert kept == [1, 2, 3, 4, 5, *range(8, 33)]
    await end_with(stage, runner, FAILED)
    kept = [each.attempt for each in (await stage.job(job.id)).attempts]
    assert kept == [1, 2, 3, 4, 5, *range(9, 34)]


async def test_the_log_of_an_attempt_is_kept_with_it(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    log = HandlerLog((LogLine(NOON, "info", "one"), LogLine(NOON, "error", "two\nlines \x00\ud800")), left_out=7)
    for end in (RETRIED, SUCCEEDED):
        kept = await end_with(stage, runner, end, log=log)
        assert kept.log == HandlerLog(
            (LogLine(NOON, "info", "one"), LogLine(NOON, "error", "two\nlines \\u0000\\ud800")), left_out=7
        )
        stage.advance(31.0)


async def test_an_error_may_hold_any_text(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    error = AttemptError("ValueError", "a\x00b\ud800c", "x" * 50_000)
    kept = (await end_with(stage, runner, RunAgain(1.0, error=error))).error
    assert kept is not None
    assert kept.message == "a\\u0000b\\ud800c"
    assert len(kept.traceback) < 30_000


async def test_an_attempt_that_a_cancel_overrules_is_cancelled_and_keeps_its_error(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add()
    job = await stage.claim_one(runner)
    await stage.store.cancel(job.id)
    await stage.end(runner, job, RETRIED)
    (kept,) = (await stage.job(added.id)).attempts
    assert (kept.outcome, kept.error) == (AttemptOutcome.CANCELLED, RETRIED.error)


async def test_an_attempt_of_a_lost_runner_has_crashed(stage: Stage) -> None:
    runner = await stage.runner("work", pid=5)
    job = await stage.add()
    await stage.claim(runner)
    await stage.lose(runner)
    (kept,) = (await stage.job(job.id)).attempts
    assert (kept.attempt, kept.outcome, kept.runner) == (1, "crashed", "here:5")
    assert kept.duration >= 15.0


async def test_a_lost_lease_leaves_nothing(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    for end in (SUCCEEDED, FAILED, RETRIED):
        await stage.store.settle(runner, [Settlement(job.id, job.lease + 1, end)])
    assert (await stage.job(job.id)).attempts == ()


async def test_a_job_that_ends_without_an_attempt_has_none_and_keeps_its_earlier_ones(stage: Stage) -> None:
    runner = await stage.runner("work")
    untouched, tried = await stage.add(), await stage.add()
    for job in await stage.claim(runner):
        await stage.end(runner, job, RELEASED if job.id == untouched.id else RETRIED)
    await stage.store.cancel(tried.id)
    assert [each.outcome for each in (await stage.job(tried.id)).attempts] == ["failed"]
    fresh = await stage.add(delay=60.0)
    await stage.store.cancel(fresh.id)
    assert (await stage.job(fresh.id)).attempts == ()


async def test_a_job_that_is_refused_before_its_first_attempt_says_why(stage: Stage) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage)
    refused = Finish(JobState.FAILED, Reason.INVALID_PAYLOAD, error=AttemptError("kongflow.InvalidPayload", "$.id"))
    await stage.store.route(runner, [Routed(id, None, refused)])
    job = await stage.job(id)
    (kept,) = job.attempts
    assert (kept.attempt, kept.outcome, kept.error) == (0, "failed", refused.error)
    assert (kept.started_at, kept.runner, kept.ended_at) == (None, None, job.finished_at)


async def test_a_new_job_that_replaces_a_waiting_one_begins_without_attempts(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    await end_with(stage, runner, RETRIED)
    job = await stage.add(key="k")
    assert (await stage.job(job.id)).attempts == ()


async def test_of_a_job_that_is_not_kept_nothing_is_left(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    log = HandlerLog((LogLine(NOON, "info", "one"),))
    claimed = await stage.claim_one(runner)
    await stage.store.settle(runner, [Settlement(job.id, claimed.lease, SUCCEEDED, Keep.NONE, log=log)])
    assert await stage.store.get(job.id) is None


async def test_an_end_inside_the_jobs_own_transaction_is_kept_too(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add()
    job = await stage.claim_one(runner)
    log = HandlerLog((LogLine(NOON, "info", "written"),))
    async with stage.store.transaction() as connection:
        await connection.run_sync(
            lambda plain: stage.store.settle_in(plain, Settlement(job.id, job.lease, SUCCEEDED, log=log))
        )
    (kept,) = (await stage.job(added.id)).attempts
    assert (kept.outcome, kept.log) == ("succeeded", log)


async def test_lists_show_the_attempts_too(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    kept = await end_with(stage, runner, FAILED)
    (listed,) = (await stage.store.list_jobs(JobFilter(), 10)).items
    assert listed.attempts == (kept,)

"""Overlap: what becomes of a slot while a job of an earlier one has not ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from kongflow.core.outcome import RunAgain
from kongflow.core.schedule import Slot
from kongflow.store.timetable import MOST_AT_ONCE, SlotJob
from tests.store.firing import MINUTE, Desk, desk
from tests.store.stage import RETRIED, Stage, new

pytestmark = pytest.mark.anyio


async def test_skip_leaves_a_slot_out_while_a_job_has_not_ended(stage: Stage) -> None:
    skipping = await desk(stage)
    assert await skipping.next_slot() == "added"
    (first,) = await skipping.jobs()
    assert await skipping.next_slot() == f"skipped: job {first.id} has not ended"

    running = await stage.claim_one(skipping.runner)
    assert await skipping.next_slot() == f"skipped: job {first.id} has not ended"
    await stage.end(skipping.runner, running)
    assert await skipping.next_slot() == "added"


async def test_of_slots_that_are_due_together_skip_takes_the_first(stage: Stage) -> None:
    skipping = await desk(stage)
    stage.advance(180)
    now = (await skipping.look()).now

    decided = await skipping.fire(*(now - n * MINUTE for n in (2, 1, 0)))

    assert [each.outcome for each in decided or ()] == ["added", "skipped", "skipped"]


async def test_allow_looks_at_nothing(stage: Stage) -> None:
    allowing = await desk(stage, "allow")

    assert [await allowing.next_slot() for _ in range(3)] == ["added"] * 3
    assert [job.state for job in await allowing.jobs()] == ["ready"] * 3


async def test_queue_keeps_one_slot_until_the_job_before_has_ended(stage: Stage) -> None:
    queueing = await desk(stage, "queue")
    assert await queueing.next_slot() == "added"
    running = await stage.claim_one(queueing.runner)
    assert await queueing.next_slot() == f"waiting: for the end of job {running.id}"
    assert await queueing.next_slot() == "skipped: an earlier slot waits"
    assert not (await queueing.look()).states["nightly"].may_go
    assert await queueing.let_go() == ""

    await stage.end(queueing.runner, running)
    state = (await queueing.look()).states["nightly"]
    assert (state.waiting, state.may_go) == (Slot(queueing.slots[1]), True)
    assert await queueing.next_slot() == "skipped: an earlier slot waits"
    assert await queueing.let_go() == "added"
    assert (await queueing.look()).states["nightly"].waiting is None
    assert [job.state for job in await queueing.jobs()] == ["succeeded", "ready"]


async def test_cancel_running_asks_for_the_end_and_the_newest_slot_waits_for_it(stage: Stage) -> None:
    cancelling = await desk(stage, "cancel_running")
    assert await cancelling.next_slot() == "added"
    running = await stage.claim_one(cancelling.runner)
    assert await cancelling.next_slot() == f"waiting: for the end of job {running.id}"
    assert (await stage.job(running.id)).cancel_requested
    assert await cancelling.next_slot() == f"waiting: for the end of job {running.id}"

    await stage.end(cancelling.runner, running, RETRIED)
    assert (await stage.state(running.id)) == "cancelled: request"
    assert (await cancelling.look()).states["nightly"].waiting == Slot(cancelling.slots[2])
    assert await cancelling.let_go() == "added"
    assert len(await cancelling.jobs()) == 2


async def test_cancel_running_takes_the_place_of_a_job_that_nobody_runs_at_once(stage: Stage) -> None:
    cancelling = await desk(stage, "cancel_running")
    await cancelling.next_slot()

    assert await cancelling.next_slot() == "added"
    assert [job.state for job in await cancelling.jobs()] == ["cancelled", "ready"]


async def test_a_job_that_waits_for_its_retry_gives_way_to_the_new_slot(stage: Stage) -> None:
    retrying = await desk(stage)
    for retrying.overlap in ("skip", "queue", "cancel_running"):
        await retrying.next_slot()
        job = await stage.claim_one(retrying.runner)
        await stage.end(retrying.runner, job, replace(RETRIED, delay=3600.0))
        assert await retrying.next_slot() == "added"
        assert await stage.state(job.id) == "cancelled: superseded"
        await stage.end(retrying.runner, await stage.claim_one(retrying.runner))


async def test_allow_passes_a_slot_that_waits_since_before_the_deploy(stage: Stage) -> None:
    deployed = await desk(stage, "queue")
    await deployed.next_slot()
    await stage.claim_one(deployed.runner)
    await deployed.next_slot()

    deployed.overlap = "allow"
    assert await deployed.next_slot() == "added"
    assert await deployed.let_go() == "added"
    assert len(await deployed.jobs()) == 3


async def test_a_slot_without_a_job_cancels_none(stage: Stage) -> None:
    cancelling = await desk(stage, "cancel_running")
    await cancelling.next_slot()
    running = await stage.claim_one(cancelling.runner)
    stage.advance(60)
    now = (await cancelling.look()).now

    (failed,) = await cancelling.fire(SlotJob(Slot(now), None, trouble="it does not fit")) or ()
    assert failed.outcome == "failed"
    assert not (await stage.job(running.id)).cancel_requested


async def test_a_job_that_its_handler_has_put_off_does_not_wait_for_a_retry(stage: Stage) -> None:
    snoozing = await desk(stage)
    await snoozing.next_slot()
    await stage.end(snoozing.runner, await stage.claim_one(snoozing.runner), replace(RETRIED, delay=0.0))
    again = await stage.claim_one(snoozing.runner)
    await stage.end(snoozing.runner, again, RunAgain(3600.0, gives_back=True))

    assert await snoozing.next_slot() == f"skipped: job {again.id} has not ended"


async def test_a_slot_whose_key_another_job_has_takes_that_job_from_nobody(stage: Stage) -> None:
    mine, other = await desk(stage, "allow"), Desk(stage, await stage.runner("work", pid=2), name="other")
    await other.fire()
    dedupe = new(key="k", mode="unsafe_dedupe")
    assert await other.next_slot(dedupe) == "added"
    (job,) = await other.jobs()

    assert await mine.next_slot(dedupe) == f"skipped: job {job.id} has its key"
    assert (await stage.job(job.id)).schedule == "other"
    called = await stage.add(key="called")
    assert await mine.next_slot(new(key="called", mode="unsafe_dedupe")) == f"skipped: job {called.id} has its key"
    assert (await stage.job(called.id)).schedule is None


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel_running"])
async def test_very_many_jobs_that_wait_for_a_retry_give_way_in_bounded_steps(stage: Stage, overlap: str) -> None:
    failing = await desk(stage, "allow")
    slots = [SlotJob(Slot((await failing.look()).now + n * MINUTE), new()) for n in range(MOST_AT_ONCE + 50)]
    await failing.fire(*slots)
    for job in await stage.claim(failing.runner, limit=1000):
        await stage.end(failing.runner, job, replace(RETRIED, delay=1e6))

    failing.overlap = overlap
    stage.advance(10 * 3600)
    await failing.next_slot()
    states = Counter(str(job.state) for job in await failing.jobs())
    assert states["cancelled"] >= MOST_AT_ONCE
    for _ in range(3):
        if (await failing.look()).states["nightly"].waiting is not None:
            await failing.let_go()
        elif Counter(str(job.state) for job in await failing.jobs())["ready"] == 0:
            failing.read = None
            await failing.next_slot()
    states = Counter(str(job.state) for job in await failing.jobs())
    assert (states["cancelled"], states["ready"], states["retrying"]) == (MOST_AT_ONCE + 50, 1, 0)


async def test_a_slot_cancels_very_many_jobs_in_bounded_steps(stage: Stage) -> None:
    cancelling = await desk(stage, "allow")
    slots = [SlotJob(Slot((await cancelling.look()).now + n * MINUTE), new()) for n in range(MOST_AT_ONCE + 50)]
    await cancelling.fire(*slots)
    cancelling.overlap = "cancel_running"
    stage.advance(10 * 3600)
    told = await cancelling.next_slot()
    assert told.startswith("waiting: for the end of jobs ")
    assert told.endswith(" and more")
    assert Counter(str(job.state) for job in await cancelling.jobs()) == {"cancelled": MOST_AT_ONCE, "ready": 50}

    assert await cancelling.let_go() == "added"
    states = Counter(str(job.state) for job in await cancelling.jobs())
    assert states == {"cancelled": MOST_AT_ONCE + 50, "ready": 1}


async def test_allow_leaves_a_job_that_waits_for_its_retry(stage: Stage) -> None:
    allowing = await desk(stage, "allow")
    await allowing.next_slot()
    job = await stage.claim_one(allowing.runner)
    await stage.end(allowing.runner, job, replace(RETRIED, delay=3600.0))

    assert await allowing.next_slot() == "added"
    assert await stage.state(job.id) == "retrying"


async def test_a_finished_job_that_is_retried_counts_again(stage: Stage) -> None:
    counting = await desk(stage)
    await counting.next_slot()
    job = await stage.claim_one(counting.runner)
    await stage.end(counting.runner, job)
    await stage.store.retry(job.id, "{}")

    assert (await stage.job(job.id)).schedule == "nightly"
    assert await counting.next_slot() == f"skipped: job {job.id} has not ended"


async def test_jobs_of_other_schedules_and_of_calls_are_nothing_to_it(stage: Stage) -> None:
    mine, other = await desk(stage), Desk(stage, await stage.runner("work", pid=2), name="other")
    await stage.add()
    await other.fire()
    assert await other.next_slot() == "added"

    assert await mine.next_slot() == "added"


async def test_allow_does_not_wait_for_a_slot_that_waited_under_another_rule(stage: Stage) -> None:
    changing = await desk(stage, "queue")
    await changing.next_slot()
    await stage.claim_one(changing.runner)
    assert (await changing.next_slot()).startswith("waiting")

    changing.overlap = "allow"
    assert await changing.next_slot() == "added"
    assert await changing.let_go() == "added"
    assert len(await changing.jobs()) == 3

"""Slots that are decided about while others hold or change the jobs of earlier ones."""

from __future__ import annotations

import pytest

from tests.store.firing import Desk, desk
from tests.store.stage import RETRIED, Stage, new

pytestmark = pytest.mark.anyio


async def retrying(stage: Stage, overlap: str = "skip") -> tuple[Desk, str]:
    """A schedule whose job waits for its retry."""
    found = await desk(stage, overlap)
    await found.next_slot()
    job = await stage.claim_one(found.runner)
    await stage.end(found.runner, job, RETRIED)
    return found, job.id


@pytest.mark.parametrize(("overlap", "outcome"), [("skip", "skipped"), ("queue", "waiting")])
async def test_a_job_whose_retry_begins_at_this_moment_has_not_ended(stage: Stage, overlap: str, outcome: str) -> None:
    beginning, job = await retrying(stage, overlap)
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql(f"update kongflow.job set state = 2 where id = {job}")
        said = await beginning.next_slot()

    assert said.startswith(outcome)
    assert [each.id for each in await beginning.jobs()] == [job]


async def test_a_slot_that_waits_does_not_pass_a_retry_that_begins_at_this_moment(stage: Stage) -> None:
    queueing = await desk(stage, "queue")
    await queueing.next_slot()
    job = await stage.claim_one(queueing.runner)
    await queueing.next_slot()
    await stage.end(queueing.runner, job, RETRIED)
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql(f"update kongflow.job set state = 2 where id = {job.id}")
        assert await queueing.let_go() == ""

    assert [each.id for each in await queueing.jobs()] == [job.id]


async def test_a_job_that_a_users_transaction_holds_is_waited_for_and_not_cancelled(stage: Stage) -> None:
    cancelling, job = await retrying(stage, "cancel_running")
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql(f"update kongflow.job set state = 2 where id = {job}")
        assert await cancelling.next_slot() == f"waiting: for the end of job {job}"

    assert not (await cancelling.look()).states["nightly"].may_go
    await stage.end(cancelling.runner, await stage.claim_one(cancelling.runner))
    assert await cancelling.let_go() == "added"


async def test_a_slot_waits_for_the_end_of_a_transaction_that_holds_its_key(stage: Stage) -> None:
    keyed = await desk(stage)
    async with stage.store.transaction() as connection:
        await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new(key="k")]))
        assert await keyed.next_slot(new(key="k")) == "waiting: for the end of a transaction that holds its job key"
        assert await keyed.let_go(new(key="k")) == ""

    assert await keyed.let_go(new(key="k")) == "added"
    assert [job.key for job in await keyed.jobs()] == ["k"]


async def test_who_holds_a_schedule_keeps_nobody_waiting(stage: Stage) -> None:
    held = await desk(stage)
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql("select from kongflow.schedule for update")
        now = (await held.look()).now
        assert await held.fire(now) is None
    await held.look()
    assert [each.slot.at for each in await held.fire(now) or ()] == [now]

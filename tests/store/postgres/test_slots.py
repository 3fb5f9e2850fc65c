"""Slots that are decided about while others hold or change the jobs of earlier ones."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.waiting import until_async
from tests.store.firing import Desk, desk
from tests.store.stage import RETRIED, Stage

pytestmark = pytest.mark.anyio

WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
"""How many wait for somebody."""


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


async def test_cancel_running_cancels_a_retry_that_begins_at_this_moment(stage: Stage) -> None:
    cancelling, job = await retrying(stage, "cancel_running")
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql(f"update kongflow.job set state = 2 where id = {job}")
        firing = asyncio.ensure_future(cancelling.next_slot())

        async def has_come_to_it() -> bool:
            return firing.done() or await stage.sql(WAITING) > 0

        await until_async(has_come_to_it)

    assert await firing == "added"
    assert await stage.state(job) == "cancelled: request"


async def test_who_holds_a_schedule_keeps_nobody_waiting(stage: Stage) -> None:
    held = await desk(stage)
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql("select from kongflow.schedule for update")
        now = (await held.look()).now
        assert await held.fire(now) is None
    await held.look()
    assert [each.slot.at for each in await held.fire(now) or ()] == [now]

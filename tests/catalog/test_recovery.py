"""Calls that are cut off: the process dies, or the handler breaks, and the run goes on all the same."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from catalog import PROJECT, runs
from catalog.app.database import begin
from catalog.app.models import (
    EventRecord,
    ExecutionStatus,
    Integration,
    JobRun,
    JobRunExecution,
    JobVersion,
    MissingConnection,
    RunStatus,
    Task,
    TaskStatus,
)
from catalog.app.models.connections import missing_connection_runs
from catalog.app.work import transaction
from catalog.running import recovery
from catalog.running.calls import prepare
from catalog.running.create import create_run
from catalog.running.endings import cancel_run, lock_run
from catalog.running.recovery import recover
from catalog.running.tasks import NewTask, begin_task
from kongflow.testing import enqueued
from tests.catalog import run_answers as said
from tests.catalog.calling import begin_run, make_calls, slots
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import add_event, add_run, add_task, one, set_stage

pytestmark = pytest.mark.anyio
LONG_AGO = datetime(2026, 1, 31, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9/api/trigger"


async def overdue():
    async with begin() as session:
        await session.execute(update(JobRunExecution).values(due_at=LONG_AGO))


async def look(flow):
    """Let recoverExecutions look for what is overdue, as a service, and return how many calls were enqueued anew."""
    async with transaction(flow) as work:
        return await recover(work)


async def calls(flow):
    return [job.state for job in await enqueued(flow, "performRunExecution")]


@pytest.fixture
def broken(monkeypatch):
    """Let every conclusion break, as when the database has gone."""

    async def conclude(*_arguments):
        raise ConnectionError("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "conclude", conclude)
        yield patch


async def test_a_call_whose_process_is_killed_is_made_again_in_the_same_attempt(flow):
    async with http_endpoint() as endpoint:
        reached = asyncio.Event()

        async def never_answer():
            reached.set()
            await asyncio.Event().wait()

        endpoint.says(said.SUCCESS)
        endpoint.meanwhile = never_answer
        await begin_run(flow, endpoint.url)
        with subprocess.Popen(
            [sys.executable, "-m", "kongflow", "run"], cwd=PROJECT, env=os.environ, stderr=subprocess.DEVNULL
        ) as process:
            await asyncio.wait_for(reached.wait(), 60)
            process.send_signal(signal.SIGKILL)

        assert (await one(JobRunExecution)).status is ExecutionStatus.STARTED
        endpoint.meanwhile = None
        flow.store.advance(60)
        (job,) = await enqueued(flow, "performRunExecution")
        async with flow.running(queues=["runs:*"]):
            job = await flow.wait(job.id, timeout=60)

    assert (job.state, job.attempt, job.claims) == ("succeeded", 1, 2)
    assert (await one(JobRun)).status is RunStatus.SUCCESS
    assert (await one(JobRunExecution)).retry_count == 0
    assert await slots() == 0
    assert len(endpoint.bodies) == 2


async def test_a_call_whose_job_has_failed_is_made_again_when_it_is_overdue(flow, broken):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)
        assert await calls(flow) == ["failed"]
        assert (await one(JobRunExecution)).status is ExecutionStatus.STARTED
        assert await look(flow) == 0, "it may still be under way"

        broken.undo()
        await overdue()
        await flow.enqueue("recoverExecutions")
        await flow.run(queues=["*"], until_idle=True)

    (job,) = await enqueued(flow, "recoverExecutions")
    assert job.result == {"recovered": 1, "woken": 0}
    assert (await calls(flow)) == ["failed", "succeeded"]
    assert (await one(JobRun)).status is RunStatus.SUCCESS


async def test_a_call_that_always_breaks_its_job_ends_at_the_limit(flow, broken):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        for _ in range(11):
            await make_calls(flow)
            await overdue()
            assert await look(flow) == 1
        assert len(endpoint.bodies) == 11
        broken.undo()
        await make_calls(flow)

    assert len(endpoint.bodies) == 11
    run = await one(JobRun)
    assert run.status is RunStatus.FAILURE
    assert run.output["message"].startswith("The calls of this run broke down each time")
    assert await slots() == 0


async def test_a_call_that_waits_for_its_time_or_its_queue_keeps_its_job(flow):
    await begin_run(flow, NOWHERE)
    await overdue()

    assert await look(flow) == 0
    assert len(await calls(flow)) == 1


async def test_a_call_that_is_under_way_keeps_its_job(flow):
    async with http_endpoint() as endpoint:
        found = []

        async def meanwhile():
            await overdue()
            found.append(await look(flow))

        endpoint.says(said.SUCCESS)
        endpoint.meanwhile = meanwhile
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    assert found == [0]
    assert await calls(flow) == ["succeeded"]


async def test_a_call_whose_job_somebody_cancelled_is_made_all_the_same(flow):
    await begin_run(flow, NOWHERE)
    (job,) = await enqueued(flow, "performRunExecution")
    await flow.cancel(job.id)
    await overdue()

    assert await look(flow) == 1


async def test_what_was_looked_at_lets_others_go_first(flow):
    await begin_run(flow, NOWHERE)
    await overdue()
    await look(flow)

    assert datetime.now(UTC) - (await one(JobRunExecution)).due_at < timedelta(minutes=5)
    assert await look(flow) == 0


async def test_an_execution_that_has_ended_is_not_called_again(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)
        await flow.enqueue("performRunExecution", {"id": (await one(JobRunExecution)).id})
        await make_calls(flow)

    assert len(endpoint.bodies) == 1
    assert await calls(flow) == ["succeeded", "succeeded"]


async def test_an_unknown_execution_is_nothing_to_call(flow):
    await flow.enqueue("performRunExecution", {"id": "exe_none"})
    await make_calls(flow)

    assert await calls(flow) == ["succeeded"]


async def test_runs_that_wait_though_their_queue_has_room_are_started(flow):
    stage = await set_stage(max_jobs=1)
    waits = await add_run(stage, RunStatus.QUEUED, queued_at=LONG_AGO)
    await set_stage(slug="idle")

    await flow.enqueue("recoverExecutions")
    await flow.run(queues=["*"], until_idle=True)

    (job,) = await enqueued(flow, "recoverExecutions")
    assert job.result == {"recovered": 0, "woken": 1}
    assert (await one(JobRun, id=waits)).status is RunStatus.STARTED


# --- operations ---


async def an_operation(flow, url=NOWHERE):
    """Add a run that waits for a fetch of the platform, and return the task's id."""
    run_id = await add_run(await set_stage(max_jobs=1), RunStatus.STARTED)
    async with transaction(flow) as work:
        run = await lock_run(work.session, run_id)
        new = NewTask("ask", operation="fetch", params={"url": url})
        return (await begin_task(work, run, new)).id


async def operations_overdue():
    async with begin() as session:
        await session.execute(update(Task).values(due_at=LONG_AGO))


async def lose_operation(flow):
    (job,) = [job for job in await enqueued(flow, "performTaskOperation") if not job.finished_at]
    await flow.cancel(job.id)
    await operations_overdue()


async def test_an_operation_whose_job_somebody_cancelled_is_done_all_the_same(flow):
    async with http_endpoint() as shop:
        shop.says({"left": 3})
        task = await an_operation(flow, shop.url)
        await lose_operation(flow)

        assert await look(flow) == 1
        await flow.run(queues=["tasks:*"], until_idle=True)

    done = await one(Task, id=task)
    assert (done.status, done.output) == (TaskStatus.COMPLETED, {"left": 3})
    assert len(await calls(flow)) == 1, "its run goes on"


async def test_an_operation_that_has_a_job_keeps_it(flow):
    await an_operation(flow)
    await operations_overdue()

    assert await look(flow) == 0
    assert await look(flow) == 0, "and lets others go first"
    assert len(await enqueued(flow, "performTaskOperation")) == 1


async def test_an_operation_that_always_loses_its_job_fails_and_its_run_goes_on(flow):
    task = await an_operation(flow)
    for _ in range(10):
        await lose_operation(flow)
        assert await look(flow) == 1

    failed = await one(Task, id=task)
    assert (failed.status, failed.output) == (TaskStatus.ERRORED, {"message": "the job of this operation was lost"})
    assert len(await calls(flow)) == 1


async def test_an_operation_of_a_run_that_has_ended_is_left_alone(flow):
    await an_operation(flow)
    await lose_operation(flow)
    run_id = (await one(JobRun)).id
    async with transaction(flow) as work:
        await cancel_run(work, run_id)

    assert await look(flow) == 0


# --- starts ---


async def test_a_run_whose_start_somebody_cancelled_starts_all_the_same(flow):
    stage = await set_stage()
    event_id = await add_event(stage)
    async with begin() as session:
        version = await session.get_one(JobVersion, stage.version)
        event = await session.get_one(EventRecord, event_id)
    async with transaction(flow) as work:
        run = await create_run(work, version, event)
    (job,) = await enqueued(flow, "startRun")
    await flow.cancel(job.id)
    assert await look(flow) == 0, "it may still be on its way"
    async with begin() as session:
        await session.execute(update(JobRun).values(created_at=LONG_AGO))

    assert await look(flow) == 1
    assert await look(flow) == 0, "it has a job now"
    await flow.run(queues=["job-queue:*"], until_idle=True)

    assert (await one(JobRun, id=run.id)).status is RunStatus.STARTED


async def test_a_run_whose_connection_has_come_and_whose_start_is_lost_starts_all_the_same(flow):
    stage = await set_stage()
    await add_run(stage, RunStatus.WAITING_ON_CONNECTIONS, created_at=LONG_AGO)

    assert await look(flow) == 1
    await flow.run(queues=["job-queue:*"], until_idle=True)

    assert (await one(JobRun)).status is RunStatus.STARTED


async def test_a_run_that_waits_for_a_connection_is_left_alone(flow):
    stage = await set_stage()
    id = await add_run(stage, RunStatus.WAITING_ON_CONNECTIONS, created_at=LONG_AGO)
    async with begin() as session:
        integration = Integration(slug="slack", title="Slack", auth_source="HOSTED", organization_id=stage.organization)
        missing = MissingConnection(type="DEVELOPER", account_identifier="DEVELOPER", integration=integration)
        session.add(missing)
        await session.flush()
        await session.execute(missing_connection_runs.insert().values(missing_connection_id=missing.id, run_id=id))

    assert await look(flow) == 0


async def test_starts_that_only_wait_let_others_be_looked_at(flow, monkeypatch):
    monkeypatch.setattr(recovery, "AT_ONCE", 1)
    stage = await set_stage()
    for _ in range(2):
        await add_run(stage, created_at=LONG_AGO)

    assert [await look(flow) for _ in range(3)] == [1, 1, 0]


async def test_a_run_that_nobody_carries_on_goes_on(flow):
    stage = await set_stage()
    await add_run(stage, RunStatus.STARTED, started_at=LONG_AGO)
    busy = await add_run(stage, RunStatus.STARTED, started_at=LONG_AGO)
    await add_task(busy, operation="fetch")

    assert await look(flow) == 1
    assert await look(flow) == 0

    (job,) = await enqueued(flow, "performRunExecution")
    assert job.payload == {"id": (await one(JobRunExecution)).id}


@pytest.mark.only_on("postgres")
async def test_a_run_that_somebody_has_in_hand_is_not_waited_for(flow):
    run = await add_run(await set_stage(), created_at=LONG_AGO)

    async with begin() as starting:
        await lock_run(starting, run)
        assert await look(flow) == 0


async def test_whoever_was_given_up_makes_no_call_when_he_wakes(flow):
    async with http_endpoint() as endpoint:
        await begin_run(flow, endpoint.url)
        execution = await one(JobRunExecution)
        async with begin() as session:
            assert await prepare(session, execution.id, (7, 2)) is not None
        async with begin() as session:
            assert await prepare(session, execution.id, (7, 1)) is None
            assert await prepare(session, execution.id, (8, 1)) is not None

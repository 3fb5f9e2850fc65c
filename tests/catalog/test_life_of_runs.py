"""Runs from their creation to their end, with everything that lies between, in one runner."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from catalog.app.database import begin
from catalog.app.models import EventRecord, JobQueue, JobRun, JobRunExecution, JobVersion, RunStatus, TaskStatus
from catalog.app.work import transaction
from catalog.running.create import create_run
from catalog.running.endings import cancel_run
from kongflow.testing import drain
from tests.catalog import run_answers as said
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import add_event, add_run, add_task, every, one, set_stage
from tests.engine.waiting import until_async

pytestmark = pytest.mark.anyio


async def create(flow, stage, number):
    event_id = await add_event(stage, f"evt_{number}")
    async with transaction(flow) as work:
        version = await work.session.get_one(JobVersion, stage.version)
        return await create_run(work, version, await work.session.get_one(EventRecord, event_id))


async def started_and_counted():
    """How many runs are STARTED and how many their queue counts, at one instant."""
    started = select(func.count()).select_from(JobRun).where(JobRun.status == RunStatus.STARTED).scalar_subquery()
    async with begin() as session:
        return (await session.execute(select(started, JobQueue.job_count))).one()


@pytest.mark.parametrize("max_jobs", [1, 2])
async def test_runs_wait_for_a_slot_and_each_has_its_turn(flow, max_jobs):
    async with http_endpoint() as endpoint:
        under_way = []

        async def meanwhile():
            under_way.append(await started_and_counted())

        endpoint.meanwhile = meanwhile
        endpoint.says(said.SUCCESS)
        stage = await set_stage(endpoint.url, max_jobs=max_jobs)
        for number in range(5):
            await create(flow, stage, number)
        ends = await drain(flow)

    assert {end.outcome for end in ends} == {"succeeded"}
    assert [run.status for run in await every(JobRun)] == [RunStatus.SUCCESS] * 5
    assert (await one(JobQueue)).job_count == 0
    assert len(under_way) == 5
    assert all(started == count <= max_jobs for started, count in under_way)


async def test_a_run_that_fails_gives_its_turn_to_the_next(flow):
    async with http_endpoint() as endpoint:
        endpoint.says_first(said.JOB_ERROR, said.INVALID_PAYLOAD)
        endpoint.says(said.SUCCESS)
        stage = await set_stage(endpoint.url, max_jobs=1)
        for number in range(3):
            await create(flow, stage, number)
        await drain(flow)

    statuses = sorted(run.status for run in await every(JobRun))
    assert statuses == [RunStatus.FAILURE, RunStatus.INVALID_PAYLOAD, RunStatus.SUCCESS]
    assert (await one(JobQueue)).job_count == 0


async def test_a_preprocessed_run_that_waits_between_its_tasks_holds_one_slot_all_the_time(flow):
    async with http_endpoint() as endpoint:
        counts = []

        async def meanwhile():
            counts.append((await one(JobQueue)).job_count)

        endpoint.meanwhile = meanwhile
        stage = await set_stage(endpoint.url, max_jobs=1, preprocess_runs=True)
        run = await create(flow, stage, 1)
        task_id = await add_task(run.id, noop=True, status=TaskStatus.WAITING)
        endpoint.says_first(said.PREPROCESSED, said.resume_with(task_id, noop=True), said.YIELD)
        endpoint.says(said.SUCCESS)
        await drain(flow)

    assert counts == [1, 1, 1, 1]
    assert len(await every(JobRunExecution)) == 4
    assert (await one(JobRun)).status is RunStatus.SUCCESS
    assert (await one(JobQueue)).job_count == 0


async def test_many_starts_and_cancels_at_once_leave_no_slot_behind(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        stage = await set_stage(endpoint.url, max_jobs=3)
        runs = [await create(flow, stage, number) for number in range(12)]

        async def cancel(run):
            async with transaction(flow) as work:
                await cancel_run(work, run.id)

        async with flow.running():
            for run in runs[::2]:
                await cancel(run)
            await asyncio.gather(*(cancel(run) for run in runs[::3]))
        await drain(flow)

    runs = await every(JobRun)
    assert {run.status for run in runs} <= {RunStatus.SUCCESS, RunStatus.CANCELED}
    assert (await one(JobQueue)).job_count == 0


@pytest.mark.only_on("postgres")
async def test_two_who_cancel_a_run_at_once_give_its_slot_back_once(flow):
    stage = await set_stage()
    run_id, _other = await add_run(stage, RunStatus.STARTED), await add_run(stage, RunStatus.STARTED)

    async def cancel():
        async with transaction(flow) as work:
            await cancel_run(work, run_id)

    async def waits():
        async with begin() as session:
            waiting = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            return (await session.execute(text(waiting))).scalar_one() > 0

    async with transaction(flow) as work:
        await cancel_run(work, run_id)
        second = asyncio.create_task(cancel())
        await until_async(waits)
    await second

    assert (await one(JobQueue)).job_count == 1

"""startRun, startQueuedRuns and runFinished, through the engine: slots are taken and given back, exactly."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from catalog.app.database import begin
from catalog.app.models import (
    AuthSource,
    ConnectionType,
    EventRecord,
    ExecutionReason,
    ExecutionStatus,
    Integration,
    IntegrationConnection,
    JobIntegration,
    JobQueue,
    JobRun,
    JobRunExecution,
    JobVersion,
    MissingConnection,
    RunConnection,
    RunStatus,
)
from catalog.app.models.connections import missing_connection_runs
from catalog.app.work import transaction
from catalog.running.create import create_run
from catalog.running.endings import cancel_run, end_run, lock_run
from kongflow.testing import drain, enqueued
from tests.catalog import run_answers as said
from tests.catalog.locks import until_somebody_waits
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import add_event, add_run, every, one, set_stage

pytestmark = pytest.mark.anyio
LONG_AGO = datetime(2026, 1, 31, tzinfo=UTC)


async def start(flow, *runs):
    """Run the startRun of these runs, and nothing that follows from it."""
    for run in runs:
        await flow.enqueue("startRun", {"id": run})
    await flow.run(queues=["executions"], until_idle=True)


async def integrate(stage, auth_source, slug="slack"):
    """Let the stage's job use an integration, and return the integration's id."""
    async with begin() as session:
        integration = Integration(
            slug=slug, title=slug.title(), auth_source=auth_source, organization_id=stage.organization
        )
        session.add(integration)
        await session.flush()
        session.add(JobIntegration(key=slug, version_id=stage.version, integration_id=integration.id))
        return integration.id


async def jobs(flow, task):
    return [(job.payload, job.queue) for job in await enqueued(flow, task)]


# --- startRun ---


async def test_a_run_with_a_free_slot_starts_and_its_first_call_is_enqueued(flow):
    stage = await set_stage(max_jobs=1)
    run_id = await add_run(stage)

    await start(flow, run_id)

    run = await one(JobRun)
    assert run.status is RunStatus.STARTED
    assert run.started_at is not None
    assert (await one(JobQueue)).job_count == 1
    execution = await one(JobRunExecution)
    assert (execution.run_id, execution.reason, execution.status, execution.retry_limit) == (
        run_id,
        ExecutionReason.EXECUTE_JOB,
        ExecutionStatus.PENDING,
        10,
    )
    assert await jobs(flow, "performRunExecution") == [({"id": execution.id}, f"runs:{run_id}")]
    assert await jobs(flow, "startQueuedRuns") == [({"id": stage.queue}, f"queue:{stage.queue}")]


async def test_a_run_without_a_free_slot_is_queued_and_enqueues_nothing(flow):
    stage = await set_stage(max_jobs=1)
    await add_run(stage, RunStatus.STARTED)
    run_id = await add_run(stage)

    await start(flow, run_id)

    run = await one(JobRun, id=run_id)
    assert run.status is RunStatus.QUEUED
    assert run.queued_at is not None
    assert (await one(JobQueue)).job_count == 1
    assert [job.task for job in await enqueued(flow)] == ["startRun"]


async def test_a_run_that_is_woken_in_vain_keeps_its_place(flow):
    stage = await set_stage(max_jobs=1)
    await add_run(stage, RunStatus.STARTED)
    run_id = await add_run(stage, RunStatus.QUEUED, queued_at=LONG_AGO)

    await start(flow, run_id)

    assert (await one(JobRun, id=run_id)).queued_at == LONG_AGO


async def test_a_count_that_was_set_to_nothing_by_hand_keeps_no_run_from_its_end(flow):
    stage = await set_stage()
    run_id = await add_run(stage, RunStatus.STARTED)
    async with begin() as session:
        (await session.get_one(JobQueue, stage.queue)).job_count = 0

    async with transaction(flow) as work:
        await cancel_run(work, run_id)

    assert (await one(JobRun)).status is RunStatus.CANCELED
    assert (await one(JobQueue)).job_count == 0


async def test_a_run_that_is_to_be_preprocessed_is_so_first(flow):
    await add_run(await set_stage(), preprocess=True)

    await start(flow, (await one(JobRun)).id)

    run = await one(JobRun)
    assert (run.status, run.started_at) == (RunStatus.PREPROCESSING, None)
    assert (await one(JobQueue)).job_count == 1
    execution = await one(JobRunExecution)
    assert (execution.reason, execution.retry_limit) == (ExecutionReason.PREPROCESS, 2)


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.STARTED, RunStatus.PREPROCESSING, RunStatus.CANCELED])
@pytest.mark.only_on("sqlite")
async def test_a_run_that_is_under_way_or_over_is_left_as_it_is(flow, status):
    stage = await set_stage(max_jobs=5)
    run_id = await add_run(stage, status)
    before = (await one(JobQueue)).job_count

    await start(flow, run_id)

    assert (await one(JobRun)).status is status
    assert (await one(JobQueue)).job_count == before
    assert await every(JobRunExecution) == []
    (job,) = await enqueued(flow)
    assert job.result == {"status": status}


async def test_an_unknown_run_is_nothing_to_start(flow):
    await start(flow, "run_none")

    (job,) = await enqueued(flow)
    assert (job.state, job.result) == ("succeeded", {"status": None})


async def test_twenty_starts_at_once_take_exactly_the_three_slots_and_then_all_finish(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        stage = await set_stage(endpoint.url, max_jobs=3)
        runs = [await add_run(stage) for _ in range(20)]
        for run in runs:
            await flow.enqueue("startRun", {"id": run}, queue=f"job-queue:{run}")  # queues of their own: side by side

        await flow.run(queues=["job-queue:*"], concurrency=20, until_idle=True)

        assert Counter(run.status for run in await every(JobRun)) == {RunStatus.STARTED: 3, RunStatus.QUEUED: 17}
        assert (await one(JobQueue)).job_count == 3
        assert len(await every(JobRunExecution)) == 3

        await drain(flow)

    assert Counter(run.status for run in await every(JobRun)) == {RunStatus.SUCCESS: 20}
    assert (await one(JobQueue)).job_count == 0
    assert len(endpoint.requests) == 20


async def test_a_new_run_has_the_next_number_and_a_start_in_the_queue_of_its_job(flow):
    stage = await set_stage()
    await add_run(stage)
    event_id = await add_event(stage, "evt_new")

    async with transaction(flow) as work:
        version = await work.session.get_one(JobVersion, stage.version)
        run = await create_run(work, version, await work.session.get_one(EventRecord, event_id))

    assert (run.number, run.status) == (2, RunStatus.PENDING)
    assert await jobs(flow, "startRun") == [({"id": run.id}, f"job-queue:{stage.queue}")]


@pytest.mark.only_on("postgres")
async def test_a_run_that_finds_no_slot_while_one_is_given_back_takes_it(flow):
    stage = await set_stage(max_jobs=1)
    ending = await add_run(stage, RunStatus.STARTED)
    waiting = await add_run(stage)

    async with transaction(flow) as work:
        run = await lock_run(work.session, ending)
        await end_run(work, run, RunStatus.SUCCESS, None)
        starting = asyncio.create_task(start(flow, waiting))
        await until_somebody_waits()
    await starting

    assert (await one(JobRun, id=waiting)).status is RunStatus.STARTED
    assert (await one(JobQueue)).job_count == 1


# --- connections ---


async def test_a_local_integration_needs_no_connection(flow):
    stage = await set_stage()
    integration = await integrate(stage, AuthSource.LOCAL)
    run_id = await add_run(stage)

    await start(flow, run_id)

    assert (await one(JobRun)).status is RunStatus.STARTED
    used = await one(RunConnection)
    assert (used.run_id, used.key, used.integration_id, used.connection_id) == (run_id, "slack", integration, None)


async def test_runs_without_a_connection_wait_for_it_and_it_is_announced_once(flow):
    stage = await set_stage()
    await integrate(stage, AuthSource.HOSTED)
    first, second = await add_run(stage), await add_run(stage)

    await start(flow, first, second, first)

    assert [run.status for run in await every(JobRun)] == [RunStatus.WAITING_ON_CONNECTIONS] * 2
    missing = await one(MissingConnection)
    assert (missing.type, missing.account_identifier) == (ConnectionType.DEVELOPER, "DEVELOPER")
    assert await jobs(flow, "missingConnectionCreated") == [({"id": missing.id}, None)]
    assert (await one(JobQueue)).job_count == 0


async def test_a_missing_connection_is_announced_to_its_project_once(flow):
    stage = await set_stage()
    await integrate(stage, AuthSource.HOSTED)
    await start(flow, await add_run(stage))
    missing = await one(MissingConnection)

    await flow.enqueue("missingConnectionCreated", {"id": missing.id})
    await drain(flow)

    event = await one(EventRecord, event_id=missing.id)
    assert event.name == "dev.trigger.notifications.missingConnection"
    assert event.payload == {"id": missing.id, "type": "DEVELOPER", "client": {"id": "slack", "title": "Slack"}}
    assert len(await enqueued(flow, "deliverEvent")) == 1


async def test_a_run_that_must_wait_for_a_connection_leaves_its_slot_to_the_next(flow):
    stage = await set_stage(max_jobs=1)
    await integrate(stage, AuthSource.HOSTED)
    woken = await add_run(stage, RunStatus.QUEUED)

    await start(flow, woken)

    assert (await one(JobRun)).status is RunStatus.WAITING_ON_CONNECTIONS
    assert (await one(JobQueue)).job_count == 0
    assert await jobs(flow, "startQueuedRuns") == [({"id": stage.queue}, f"queue:{stage.queue}")]


async def test_a_new_connection_starts_every_run_that_waited_for_it(flow):
    stage = await set_stage()
    integration = await integrate(stage, AuthSource.HOSTED)
    runs = [await add_run(stage), await add_run(stage)]
    await start(flow, *runs)
    async with begin() as session:
        connection = IntegrationConnection(type=ConnectionType.DEVELOPER, integration_id=integration)
        session.add(connection)

    await flow.enqueue("connectionCreated", {"id": connection.id})
    await flow.enqueue("connectionCreated", {"id": connection.id})
    await flow.run(queues=["*"], until_idle=True)

    assert [run.status for run in await every(JobRun)] == [RunStatus.STARTED] * 2
    assert [used.connection_id for used in await every(RunConnection)] == [connection.id] * 2
    assert await every(MissingConnection) == []
    async with begin() as session:
        assert (await session.execute(select(missing_connection_runs))).all() == []
    assert sorted(job.result["runs"] for job in await enqueued(flow, "connectionCreated")) == [0, 2]
    (resolved,) = await every(EventRecord, name="dev.trigger.notifications.missingConnectionResolved")
    assert resolved.payload["client"] == {"id": "slack", "title": "Slack"}


# --- startQueuedRuns ---


async def wake(flow, queue):
    await flow.enqueue("startQueuedRuns", {"id": queue})
    await flow.run(queues=["queue:*"], until_idle=True)
    return [job.payload["id"] for job in await enqueued(flow, "startRun")]


async def test_the_run_that_has_waited_longest_is_started_alone(flow):
    stage = await set_stage(max_jobs=1)
    await add_run(stage, RunStatus.QUEUED, queued_at=LONG_AGO + timedelta(hours=1))
    oldest = await add_run(stage, RunStatus.QUEUED, queued_at=LONG_AGO)

    assert await wake(flow, stage.queue) == [oldest]
    assert await jobs(flow, "startRun") == [({"id": oldest}, f"job-queue:{stage.queue}")]


async def test_a_full_queue_starts_nothing(flow):
    stage = await set_stage(max_jobs=1)
    await add_run(stage, RunStatus.STARTED)
    await add_run(stage, RunStatus.QUEUED, queued_at=LONG_AGO)

    assert await wake(flow, stage.queue) == []


async def test_a_queue_without_waiting_runs_starts_nothing_and_nor_does_an_unknown_one(flow):
    stage = await set_stage()
    await add_run(stage)

    assert await wake(flow, stage.queue) == []
    assert await wake(flow, "que_none") == []


# --- runFinished ---


async def finish(flow, stage, status, output):
    run_id = await add_run(stage, status, output=output)
    job = await flow.enqueue("runFinished", {"id": run_id})
    await drain(flow)
    return (await flow.get(job.id)).result


async def test_events_of_an_output_are_sent_once(flow):
    stage = await set_stage()
    output = {"events": [{"name": "a", "payload": {}}, {"name": "b", "id": "mine", "payload": {"n": 1}}]}

    assert await finish(flow, stage, RunStatus.SUCCESS, output) == {"events": 2}

    sent = {event.name: event for event in await every(EventRecord) if event.name in ("a", "b")}
    assert (sent["b"].event_id, sent["b"].payload) == ("mine", {"n": 1})
    assert len(await enqueued(flow, "deliverEvent")) == 2
    assert await jobs(flow, "startQueuedRuns") == [({"id": stage.queue}, f"queue:{stage.queue}")]


@pytest.mark.parametrize(
    ("status", "output"),
    [
        (RunStatus.SUCCESS, {"events": "x"}),
        (RunStatus.SUCCESS, {"events": [{"payload": {}}]}),
        (RunStatus.SUCCESS, "events"),
        (RunStatus.SUCCESS, None),
        (RunStatus.FAILURE, {"events": [{"name": "a", "payload": {}}]}),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_any_other_output_only_wakes_the_queue(flow, status, output):
    stage = await set_stage()

    assert await finish(flow, stage, status, output) == {"events": 0}

    assert [event.name for event in await every(EventRecord)] == ["order.paid"]
    assert len(await enqueued(flow, "startQueuedRuns")) == 1


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"events": [{"name": "a", "timestamp": "2026-13-01T00:00:00Z"}]}, "'2026-13-01T00:00:00Z' is no time"),
        ({"events": [{"name": "a", "id": "x" * 9000}]}, "$.events[0].id: "),
        ({"events": [{"name": "a"}] * 201}, "$.events: "),
        ({"events": [{"name": "a"}], "options": {"accountId": "x" * 9000}}, "$.options.accountId: "),
        ({"events": [{"name": "a"}], "options": {"deliverAt": "9999-01-01T00:00:00Z"}}, "is too far away"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_events_of_an_output_that_cannot_be_sent_are_told_and_cost_no_wake_up(flow, output, problem, caplog):
    stage = await set_stage()

    assert await finish(flow, stage, RunStatus.SUCCESS, output) == {"events": 0}

    (said,) = [record.message for record in caplog.records if "sends no events" in record.message]
    assert problem in said
    assert len(await enqueued(flow, "startQueuedRuns")) == 1


async def test_an_unknown_run_has_not_finished(flow):
    job = await flow.enqueue("runFinished", {"id": "run_none"})
    await drain(flow)

    assert (await flow.get(job.id)).reason == "gave_up"

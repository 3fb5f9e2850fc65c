"""performRunExecution, through the engine against a real endpoint: what is sent, and every way in which a run ends."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from catalog.app.database import begin
from catalog.app.models import (
    ExecutionReason,
    ExecutionStatus,
    JobRun,
    JobRunExecution,
    RunStatus,
    Task,
    TaskStatus,
)
from catalog.app.work import transaction
from catalog.running.calls import prepare
from catalog.running.endings import cancel_run
from kongflow.testing import enqueued
from tests.catalog import run_answers as said
from tests.catalog.calling import begin_run, call_until_the_end, make_calls, other_tasks, slots, waiting
from tests.catalog.servers import Answer, closed_port, http_endpoint
from tests.catalog.stage import add_task, every, one

pytestmark = pytest.mark.anyio


# --- the end of a run ---


async def test_a_run_that_succeeds_keeps_its_output_and_gives_its_slot_back(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    run = await one(JobRun)
    assert (run.status, run.output) == (RunStatus.SUCCESS, {"hello": "u1"})
    assert run.completed_at is not None
    assert await slots() == 0
    execution = await one(JobRunExecution)
    (job,) = await enqueued(flow, "performRunExecution")
    assert (execution.status, execution.job_number, execution.job_claims) == (ExecutionStatus.SUCCESS, int(job.id), 1)
    assert [job.payload for job in await enqueued(flow, "runFinished")] == [{"id": run.id}]


async def test_the_endpoint_hears_who_calls_and_for_which_event(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        run_id = await begin_run(flow, endpoint.url, started_at=datetime(2026, 11, 23, 17, 39, 18, 449000, tzinfo=UTC))
        done = await add_task(run_id, "done", status=TaskStatus.COMPLETED, output={"n": 1})
        await add_task(run_id, "open")
        await make_calls(flow)

    (_, headers), (body,) = endpoint.requests[0], endpoint.bodies
    assert headers["x-trigger-action"] == "execute_job"
    assert body["run"] == {"id": run_id, "isTest": False, "isRetry": False, "startedAt": "2026-11-23T17:39:18.449Z"}
    assert body["job"] == {"id": "on-order", "version": "1.0.0"}
    assert (body["event"]["id"], body["event"]["payload"]) == ("evt_1", {"id": "u1"})
    assert body["environment"]["type"] == "PRODUCTION"
    assert body["organization"]["title"] == "Shop"
    assert body["tasks"] == [
        {"id": "done", "idempotencyKey": "done", "status": "COMPLETED", "noop": False, "output": {"n": 1}}
        | {"parentId": None}
    ]
    assert body["yieldedExecutions"] == []
    assert done not in json.dumps(body["tasks"])


@pytest.mark.only_on("sqlite")
async def test_what_does_not_fit_into_a_call_is_left_out_the_largest_first(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        run_id = await begin_run(flow, endpoint.url)
        for key, size in (("big", 2_500_000), ("small", 10), ("medium", 1_500_000)):
            await add_task(run_id, key, status=TaskStatus.COMPLETED, output="x" * size)
        await make_calls(flow)

    (body,) = endpoint.bodies
    assert [task["id"] for task in body["tasks"]] == ["small", "medium"]


async def test_what_a_task_was_given_is_not_read_for_a_call(flow):
    run_id = await begin_run(flow, "http://127.0.0.1:9/")
    await add_task(run_id, "done", status=TaskStatus.COMPLETED, output=1, params={"large": True})
    execution = await one(JobRunExecution)
    statements = []

    def note(_connection, _cursor, statement, *_more):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with begin() as session:
            await prepare(session, execution.id, (1, 1))
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert any("tasks.output" in statement for statement in statements)
    assert not any("tasks.params" in statement or "tasks.properties" in statement for statement in statements)


@pytest.mark.parametrize(
    ("answer", "status", "output"),
    [
        (Answer(404, json.dumps(said.JOB_NOT_FOUND).encode()), RunStatus.FAILURE, said.JOB_NOT_FOUND),
        (Answer(200, b"not json"), RunStatus.FAILURE, {"message": "Endpoint responded with invalid JSON"}),
        (Answer(200, json.dumps(said.JOB_ERROR).encode()), RunStatus.FAILURE, said.JOB_ERROR["error"]),
        (
            Answer(200, json.dumps(said.INVALID_PAYLOAD).encode()),
            RunStatus.INVALID_PAYLOAD,
            said.INVALID_PAYLOAD["errors"],
        ),
        (
            Answer(200, json.dumps(said.UNRESOLVED_AUTH).encode()),
            RunStatus.UNRESOLVED_AUTH,
            said.UNRESOLVED_AUTH["issues"],
        ),
    ],
)
async def test_a_run_that_fails_says_why_ends_its_tasks_and_gives_its_slot_back(flow, answer, status, output):
    async with http_endpoint() as endpoint:
        endpoint.answer = answer
        run_id = await begin_run(flow, endpoint.url)
        await add_task(run_id, status=TaskStatus.WAITING)
        await make_calls(flow)

    run = await one(JobRun)
    assert (run.status, run.output) == (status, output)
    assert await slots() == 0
    execution = await one(JobRunExecution)
    assert (execution.status, execution.error) == (ExecutionStatus.FAILURE, output)
    assert (await one(Task)).status is TaskStatus.ERRORED
    assert await other_tasks(flow) == ["runFinished"]


@pytest.mark.only_on("sqlite")
async def test_a_status_that_nobody_knows_fails_the_run(flow):
    async with http_endpoint() as endpoint:
        endpoint.says({"status": "NOPE"})
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    run = await one(JobRun)
    assert run.status is RunStatus.FAILURE
    assert run.output["message"].startswith("$.status: 'NOPE' is not one of ")


async def test_a_task_that_failed_before_takes_the_error_of_the_run(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        task_id = await add_task(run_id)
        endpoint.says(said.failed_with(task_id))
        await make_calls(flow)

    task, run = await one(Task), await one(JobRun)
    assert (task.status, task.output) == (TaskStatus.ERRORED, {"message": "prior failure"})
    assert (run.status, run.output) == (RunStatus.FAILURE, {"message": "prior failure"})


# --- calls that come to nothing ---


async def test_an_endpoint_that_is_away_is_called_eleven_times_and_then_the_run_fails(flow, caplog):
    url = f"http://127.0.0.1:{await closed_port()}/api/trigger"
    await begin_run(flow, f"{url}?code=secret")

    with caplog.at_level("WARNING"):
        await call_until_the_end(flow)

    execution = await one(JobRunExecution)
    assert (execution.status, execution.retry_count) == (ExecutionStatus.FAILURE, 10)
    assert execution.retry_delay_ms == 19222
    calls = await enqueued(flow, "performRunExecution")
    assert [(call.state, call.attempt) for call in calls] == [("succeeded", 1)] * 11
    run = await one(JobRun)
    assert run.status is RunStatus.FAILURE
    assert run.output == {"message": f"Connection could not be established to the endpoint ({url})"}
    assert await slots() == 0
    assert len(await enqueued(flow, "runFinished")) == 1
    assert (
        caplog.text.count(f"a call of the run {run.id} came to nothing, and is made again: Connection could not") == 10
    )
    assert caplog.text.count(f"the run {run.id} has ended as FAILURE: Connection could not be established") == 1


async def test_an_endpoint_that_recovers_is_no_failure(flow):
    async with http_endpoint() as endpoint:
        endpoint.script = [Answer(500), Answer(500)]
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await call_until_the_end(flow)

    execution = await one(JobRunExecution)
    assert (execution.status, execution.retry_count) == (ExecutionStatus.SUCCESS, 2)
    assert (await one(JobRun)).status is RunStatus.SUCCESS


# --- runs that are canceled ---


async def cancel(flow, run_id):
    async with transaction(flow) as work:
        await cancel_run(work, run_id)


async def test_a_run_that_was_canceled_before_its_call_is_not_called(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        await add_task(run_id)
        await cancel(flow, run_id)
        await make_calls(flow)

    assert endpoint.requests == []
    execution = await one(JobRunExecution)
    assert execution.status is ExecutionStatus.FAILURE
    assert execution.error == {"message": "This never ran because it was canceled by the user."}
    assert (await one(JobRun)).status is RunStatus.CANCELED
    assert (await one(Task)).status is TaskStatus.CANCELED
    assert await slots() == 0


@pytest.mark.parametrize("answer", [Answer(200, json.dumps(said.SUCCESS).encode()), Answer(404), Answer(500)])
async def test_a_run_that_is_canceled_while_it_is_called_stays_so_and_gives_its_slot_back_once(flow, answer):
    async with http_endpoint() as endpoint:
        endpoint.answer = answer
        run_id = await begin_run(flow, endpoint.url)
        endpoint.meanwhile = lambda: cancel(flow, run_id)
        await make_calls(flow)

    assert len(endpoint.requests) == 1
    run = await one(JobRun)
    assert (run.status, run.output) == (RunStatus.CANCELED, None)
    assert (await one(JobRunExecution)).error == {"message": "The run ended while this call was under way."}
    assert await slots() == 0
    assert await waiting(flow) == []
    assert await other_tasks(flow) == ["startQueuedRuns"]


async def test_an_endpoint_that_is_told_of_a_cancelation_ends_the_run_so(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says(said.canceled_with(await add_task(run_id, status=TaskStatus.CANCELED)))
        await make_calls(flow)

    assert (await one(JobRun)).status is RunStatus.CANCELED
    assert await slots() == 0


# --- preprocessing ---


async def preprocess(flow, endpoint):
    await begin_run(flow, endpoint.url, reason=ExecutionReason.PREPROCESS)
    await make_calls(flow)


async def test_a_preprocessed_run_starts_with_its_properties(flow):
    properties = [{"label": "Customer", "text": "Ann"}]
    async with http_endpoint() as endpoint:
        endpoint.says_first({"abort": False, "properties": properties})
        endpoint.says(said.SUCCESS)
        await preprocess(flow, endpoint)

    assert [headers["x-trigger-action"] for _, headers in endpoint.requests] == ["preprocess_run", "execute_job"]
    assert set(endpoint.bodies[0]) == {"event", "job", "run", "environment", "organization"}
    run = await one(JobRun)
    assert run.properties == properties
    assert run.started_at is not None


async def test_a_run_that_preprocessing_aborts_ends(flow):
    async with http_endpoint() as endpoint:
        endpoint.says({"abort": True})
        await preprocess(flow, endpoint)

    run = await one(JobRun)
    assert (run.status, run.output) == (RunStatus.ABORTED, {"message": "Endpoint aborted the run"})
    assert await slots() == 0
    assert await other_tasks(flow) == ["runFinished"]


async def test_a_run_starts_though_it_could_not_be_preprocessed(flow):
    async with http_endpoint() as endpoint:
        endpoint.script = [Answer(500)] * 3
        endpoint.says(said.SUCCESS)
        await preprocess(flow, endpoint)
        await call_until_the_end(flow)

    assert [headers["x-trigger-action"] for _, headers in endpoint.requests] == ["preprocess_run"] * 3 + ["execute_job"]
    first, second = sorted(await every(JobRunExecution), key=lambda execution: execution.created_at)
    assert (first.reason, first.status) == (ExecutionReason.PREPROCESS, ExecutionStatus.FAILURE)
    assert (second.reason, second.status) == (ExecutionReason.EXECUTE_JOB, ExecutionStatus.SUCCESS)
    assert await slots() == 0

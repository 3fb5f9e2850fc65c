"""performRunExecution, through the engine against a real endpoint: every way in which a run goes on, or ends."""

import json
from datetime import UTC, datetime

import pytest

from catalog.app.database import begin
from catalog.app.models import (
    AttemptStatus,
    ExecutionReason,
    ExecutionStatus,
    JobQueue,
    JobRun,
    JobRunExecution,
    RunStatus,
    Task,
    TaskAttempt,
    TaskStatus,
)
from catalog.app.work import transaction
from catalog.running.endings import cancel_run
from catalog.running.executions import add_execution
from kongflow.testing import enqueued
from tests.catalog import run_answers as said
from tests.catalog.servers import Answer, closed_port, http_endpoint
from tests.catalog.stage import add_run, add_task, every, one, set_stage

pytestmark = pytest.mark.anyio
LATER = "2037-11-23T17:39:23.447Z"
AT = datetime(2037, 11, 23, 17, 39, 23, 447000, tzinfo=UTC)


async def begin_run(flow, url, *, reason=ExecutionReason.EXECUTE_JOB, **columns):
    """A run that has just started, with a slot and its first execution; return its id."""
    stage = await set_stage(url, max_jobs=1)
    preprocessing = reason is ExecutionReason.PREPROCESS
    status = RunStatus.PREPROCESSING if preprocessing else RunStatus.STARTED
    run_id = await add_run(stage, status, preprocess=preprocessing, **columns)
    await call(flow, run_id, reason)
    return run_id


async def call(flow, run_id, reason=ExecutionReason.EXECUTE_JOB):
    async with transaction(flow) as work:
        await add_execution(work, run_id, reason)


async def make_calls(flow):
    """Make the calls that are due; what follows the end of a run waits."""
    await flow.run(queues=["runs:*"], until_idle=True)


async def waiting(flow):
    """The calls that are still to be made, by the execution's id."""
    return {job.payload["id"]: job for job in await enqueued(flow, "performRunExecution") if not job.finished_at}


async def tasks_of(flow):
    return sorted({job.task for job in await enqueued(flow)} - {"performRunExecution"})


async def slots():
    return (await one(JobQueue)).job_count


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
    assert (await one(JobRunExecution)).status is ExecutionStatus.SUCCESS
    assert [job.payload for job in await enqueued(flow, "runFinished")] == [{"id": run.id}]


async def test_the_endpoint_hears_who_calls_and_for_which_event(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.SUCCESS)
        run_id = await begin_run(flow, endpoint.url, started_at=AT)
        done = await add_task(run_id, "done", status=TaskStatus.COMPLETED, output={"n": 1})
        await add_task(run_id, "open")
        await make_calls(flow)

    (_, headers), (body,) = endpoint.requests[0], endpoint.bodies
    assert headers["x-trigger-action"] == "execute_job"
    assert body["run"] == {"id": run_id, "isTest": False, "isRetry": False, "startedAt": LATER}
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
    assert await tasks_of(flow) == ["runFinished"]


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


async def call_until_the_end(flow):
    """Make every call, moving the store's clock past each delay."""
    await make_calls(flow)
    while await waiting(flow):
        flow.store.advance(60)
        await make_calls(flow)


async def test_an_endpoint_that_is_away_is_called_eleven_times_and_then_the_run_fails(flow):
    url = f"http://127.0.0.1:{await closed_port()}/api/trigger"
    await begin_run(flow, url)

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


async def test_an_endpoint_that_recovers_is_no_failure(flow):
    async with http_endpoint() as endpoint:
        endpoint.script = [Answer(500), Answer(500)]
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await call_until_the_end(flow)

    execution = await one(JobRunExecution)
    assert (execution.status, execution.retry_count) == (ExecutionStatus.SUCCESS, 2)
    assert (await one(JobRun)).status is RunStatus.SUCCESS


# --- a run that goes on ---


async def test_a_run_that_waits_goes_on_when_its_time_has_come_with_the_task_done(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        task_id = await add_task(run_id, "wait", noop=True, status=TaskStatus.WAITING, delay_until=AT)
        endpoint.says_first(said.resume_with(task_id, delayUntil=LATER, noop=True, status="WAITING"))
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

        first, second = sorted(await every(JobRunExecution), key=lambda execution: execution.created_at)
        assert (first.status, second.status) == (ExecutionStatus.SUCCESS, ExecutionStatus.PENDING)
        assert (second.resume_task_id, second.retry_limit) == (task_id, 10)
        (job,) = (await waiting(flow)).values()
        assert (job.payload["id"], job.run_at) == (second.id, AT)
        assert await slots() == 1

        flow.store.advance((AT - datetime.now(UTC)).total_seconds() + 1)
        await make_calls(flow)

    assert (await one(Task)).status is TaskStatus.COMPLETED
    assert [(task["idempotencyKey"], task["status"]) for task in endpoint.bodies[1]["tasks"]] == [("wait", "COMPLETED")]
    assert (await one(JobRun)).status is RunStatus.SUCCESS


async def test_a_task_with_an_operation_resumes_the_run_by_itself(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says(said.resume_with(await add_task(run_id, operation="fetch"), operation="fetch"))
        await make_calls(flow)

    assert (await one(JobRunExecution)).status is ExecutionStatus.SUCCESS
    assert await waiting(flow) == {}
    assert (await one(JobRun)).status is RunStatus.STARTED
    assert await slots() == 1


async def test_a_task_that_is_to_be_tried_again_waits_for_its_time(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        task_id = await add_task(run_id)
        async with begin() as session:
            session.add(TaskAttempt(number=1, task_id=task_id))
        endpoint.says_first(said.retry_with(task_id, LATER))
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

        first, second = sorted(await every(TaskAttempt), key=lambda attempt: attempt.number)
        assert (first.status, first.error) == (AttemptStatus.ERRORED, "Error: flaky boom")
        assert (second.status, second.number, second.run_at) == (AttemptStatus.PENDING, 2, AT)
        assert (await one(Task)).status is TaskStatus.WAITING
        (job,) = (await waiting(flow)).values()
        assert job.run_at == AT
        ended, _next = sorted(await every(JobRunExecution), key=lambda execution: execution.created_at)
        assert ended.status is ExecutionStatus.SUCCESS

        flow.store.advance((AT - datetime.now(UTC)).total_seconds() + 1)
        await make_calls(flow)

    assert endpoint.bodies[1]["tasks"][0]["status"] == "RUNNING"
    assert (await one(JobRun)).status is RunStatus.SUCCESS


async def test_a_run_that_gives_way_goes_on_at_once_and_remembers_where(flow):
    async with http_endpoint() as endpoint:
        endpoint.says_first(said.YIELD, said.AUTO_YIELD)
        endpoint.says(said.SUCCESS)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    assert [body["yieldedExecutions"] for body in endpoint.bodies] == [[], ["y1"], ["y1"]]
    assert (await one(JobRun)).status is RunStatus.SUCCESS


@pytest.mark.only_on("sqlite")
async def test_a_run_that_has_given_way_a_hundred_times_fails(flow):
    async with http_endpoint() as endpoint:
        endpoint.says(said.YIELD)
        await begin_run(flow, endpoint.url, yielded_executions=["y"] * 99)
        await make_calls(flow)

    run = await one(JobRun)
    assert run.output == {"message": "Run has yielded too many times, the maximum is 100"}
    assert len(endpoint.bodies) == 2


async def test_a_task_that_ended_as_time_ran_out_is_completed_and_the_run_goes_on(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        task_id = await add_task(run_id, "slow")
        properties = [{"label": "n", "text": "1"}]
        endpoint.says_first(
            {
                "status": "AUTO_YIELD_EXECUTION_WITH_COMPLETED_TASK",
                "id": task_id,
                "output": '{"n": 1}',
                "properties": properties,
                "data": {"location": "before_complete_task", "timeRemaining": 1, "timeElapsed": 2},
            }
        )
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

    task = await one(Task)
    assert (task.status, task.output, task.output_properties) == (TaskStatus.COMPLETED, {"n": 1}, properties)
    assert endpoint.bodies[1]["tasks"][0]["output"] == {"n": 1}


async def test_tasks_that_go_side_by_side_are_each_resumed_once(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        parent, first, second = [await add_task(run_id, key) for key in ("p", "a", "b")]
        both = [said.resume_with(each, delayUntil=LATER) for each in (first, second)]
        endpoint.says({"status": "RESUME_WITH_PARALLEL_TASK", "task": said.task(parent), "childErrors": both})
        await make_calls(flow)
        await call(flow, run_id)
        await make_calls(flow)

    assert len(endpoint.bodies) == 2
    resumed = [execution.resume_task_id for execution in await every(JobRunExecution, status=ExecutionStatus.PENDING)]
    assert sorted(resumed) == sorted([first, second])


async def test_an_answer_about_a_task_of_another_run_fails_the_run_and_leaves_that_task_alone(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        stranger = await add_task(await add_run(await set_stage(slug="other"), RunStatus.STARTED))
        endpoint.says(said.retry_with(stranger, LATER))
        await make_calls(flow)

    run = await one(JobRun, id=run_id)
    assert run.status is RunStatus.FAILURE
    assert run.output == {"message": f"Endpoint named a task that the run does not have: {stranger}"}
    assert (await one(Task)).status is TaskStatus.RUNNING
    assert await every(TaskAttempt) == []


async def test_the_calls_of_one_run_take_turns(flow):
    async with http_endpoint() as endpoint:
        at_once = []

        async def meanwhile():
            started = await every(JobRunExecution, status=ExecutionStatus.STARTED)
            at_once.append(len(started))

        endpoint.meanwhile = meanwhile
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says(said.resume_with(await add_task(run_id, operation="fetch"), operation="fetch"))
        await call(flow, run_id)
        await call(flow, run_id)
        await make_calls(flow)

    assert at_once == [1, 1, 1]


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
    assert await slots() == 0
    assert await waiting(flow) == {}
    assert await tasks_of(flow) == ["startQueuedRuns"]


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
    assert await tasks_of(flow) == ["runFinished"]


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

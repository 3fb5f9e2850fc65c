"""performRunExecution, through the engine against a real endpoint: every way in which a run goes on."""

from datetime import UTC, datetime

import pytest

from catalog.app.database import begin
from catalog.app.models import (
    AttemptStatus,
    ExecutionStatus,
    JobRun,
    JobRunExecution,
    RunStatus,
    Task,
    TaskAttempt,
    TaskStatus,
)
from catalog.running import conclude
from tests.catalog import run_answers as said
from tests.catalog.calling import begin_run, call, call_until_the_end, make_calls, slots, waiting
from tests.catalog.servers import Answer, http_endpoint
from tests.catalog.stage import add_run, add_task, every, one, set_stage

pytestmark = pytest.mark.anyio
LATER = "2037-11-23T17:39:23.447Z"
AT = datetime(2037, 11, 23, 17, 39, 23, 447000, tzinfo=UTC)


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
        (job,) = await waiting(flow)
        assert (job.payload["id"], job.run_at) == (second.id, AT)
        assert await slots() == 1

        flow.store.advance((AT - datetime.now(UTC)).total_seconds() + 1)
        await make_calls(flow)

    assert (await one(Task)).status is TaskStatus.COMPLETED
    assert [(task["idempotencyKey"], task["status"]) for task in endpoint.bodies[1]["tasks"]] == [("wait", "COMPLETED")]
    assert (await one(JobRun)).status is RunStatus.SUCCESS


async def test_a_time_that_has_passed_long_ago_is_now(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says_first(said.resume_with(await add_task(run_id), delayUntil="0001-01-01T00:00:00Z"))
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

    assert (await one(JobRun)).status is RunStatus.SUCCESS
    assert len(await every(JobRunExecution)) == 2


async def test_a_task_with_an_operation_resumes_the_run_by_itself(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says(said.resume_with(await add_task(run_id, operation="fetch"), operation="fetch"))
        await make_calls(flow)

    assert (await one(JobRunExecution)).status is ExecutionStatus.SUCCESS
    assert await waiting(flow) == []
    assert (await one(JobRun)).status is RunStatus.STARTED
    assert await slots() == 1


@pytest.mark.parametrize(
    "task", [{}, {"operation": "fetch", "status": TaskStatus.COMPLETED}], ids=["has no operation", "is done"]
)
async def test_a_task_that_nobody_works_on_does_not_keep_its_run_waiting_whatever_the_endpoint_says(flow, task):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        endpoint.says_first(said.resume_with(await add_task(run_id, **task), operation="fetch"))
        endpoint.says(said.SUCCESS)
        await call_until_the_end(flow)

    assert (await one(JobRun)).status is RunStatus.SUCCESS


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
        (job,) = await waiting(flow)
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


async def test_a_call_that_took_too_long_costs_no_retry_where_the_run_got_on(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)

        async def meanwhile():
            if len(endpoint.bodies) < 3:
                await add_task(run_id, f"step-{len(endpoint.bodies)}", status=TaskStatus.COMPLETED)

        endpoint.meanwhile = meanwhile
        endpoint.script = [Answer(504), Answer(504)]
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

    assert [execution.retry_count for execution in await every(JobRunExecution)] == [0, 0, 0]
    assert [len(body["tasks"]) for body in endpoint.bodies] == [0, 1, 2]
    assert (await one(JobRun)).status is RunStatus.SUCCESS


@pytest.mark.only_on("sqlite")
async def test_a_run_that_never_gets_on_in_time_has_timed_out(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        await add_task(run_id)
        endpoint.answer = Answer(504)
        await call_until_the_end(flow)

    assert len(endpoint.bodies) == 11
    run = await one(JobRun)
    assert (run.status, run.output) == (RunStatus.TIMED_OUT, {"message": "Endpoint responded with 504 status code"})
    assert (await one(Task)).status is TaskStatus.CANCELED
    assert await slots() == 0


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


async def test_an_endpoint_that_always_wants_another_call_gets_so_many(flow, monkeypatch):
    monkeypatch.setattr(conclude, "MAX_CALLS", 3)
    async with http_endpoint() as endpoint:
        endpoint.says(said.AUTO_YIELD)
        await begin_run(flow, endpoint.url)
        await make_calls(flow)

    run = await one(JobRun)
    assert (run.status, run.output) == (
        RunStatus.FAILURE,
        {"message": "Run was called too many times, the maximum is 3"},
    )
    assert len(endpoint.bodies) == 3


async def test_a_task_that_is_done_is_not_tried_again(flow):
    async with http_endpoint() as endpoint:
        run_id = await begin_run(flow, endpoint.url)
        task_id = await add_task(run_id, status=TaskStatus.COMPLETED, output=1)
        endpoint.says_first(said.retry_with(task_id, "2026-01-31T12:05:00.000Z"))
        endpoint.says(said.SUCCESS)
        await make_calls(flow)

    assert (await one(Task)).status is TaskStatus.COMPLETED
    assert (await one(JobRun)).status is RunStatus.SUCCESS

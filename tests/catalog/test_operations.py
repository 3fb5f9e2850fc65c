"""performTaskOperation: the request of a task, what is made of the answer, and that the run goes on."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import selectinload

from catalog.app.database import begin
from catalog.app.models import (
    AttemptStatus,
    EnvironmentType,
    JobRun,
    JobRunExecution,
    RunStatus,
    RuntimeEnvironment,
    Task,
    TaskAttempt,
    TaskStatus,
)
from catalog.app.work import transaction
from catalog.running.endings import cancel_run
from catalog.running.tasks import complete_task
from kongflow.testing import enqueued
from tests.catalog.servers import Answer, closed_port, http_endpoint
from tests.catalog.stage import add_run, add_task, every, one, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]  # what it writes is the same on both


async def a_fetch(url, *, stage=None, operation="fetch", **params):
    """Add a started run with a task that wants a fetch, and return the task's id."""
    run = await add_run(stage or await set_stage(), RunStatus.STARTED)
    task = await add_task(run, operation=operation, params={"url": url, **params})
    async with begin() as session:
        session.add(TaskAttempt(task_id=task, number=1))
    return task


async def perform(flow, task):
    """Add the job of the operation, run it, and leave what it adds; return it."""
    job = await flow.enqueue("performTaskOperation", {"id": task}, job_key=f"operation:{task}")
    await flow.run(until_idle=True, queues=["tasks:*"])
    return await flow.get(job.id)


async def waiting(flow):
    return [(job.task, job.payload["id"]) for job in await enqueued(flow) if job.state in ("scheduled", "ready")]


async def resumed(flow):
    """Say that the run has exactly one execution, without a task, and the job that makes it."""
    (execution,) = await every(JobRunExecution)
    assert execution.resume_task_id is None
    return await waiting(flow) == [("performRunExecution", execution.id)]


async def test_an_answer_completes_the_task_and_the_run_goes_on(flow):
    async with http_endpoint() as shop:
        shop.says({"ok": [1]}, status=201)
        task = await a_fetch(
            shop.url,
            requestInit={
                "method": "post",
                "body": '{"a": 1}',
                "headers": {
                    "X-Plain": " b ",
                    "Authorization": {"__redactedString": True, "strings": ["Bearer ", "!"], "interpolations": ["s3"]},
                    "Host": "other",
                    "Content-Length": "99",
                    "Transfer-Encoding": "chunked",
                    "Connection": "close",
                },
            },
        )
        job = await perform(flow, task)

    assert job.state == "succeeded"
    done = await one(Task, id=task)
    assert (done.status, done.output, done.completed_at is not None) == (TaskStatus.COMPLETED, {"ok": [1]}, True)
    assert (await one(TaskAttempt, task_id=task)).status is AttemptStatus.COMPLETED
    assert await resumed(flow)
    ((line, headers),) = shop.requests
    assert line == "POST /api/trigger HTTP/1.1"
    assert (headers["x-plain"], headers["authorization"]) == ("b", "bearer s3!")
    assert headers["host"] in shop.url
    assert headers["content-length"] == "8"
    assert "transfer-encoding" not in headers
    assert shop.bodies == [{"a": 1}]


async def test_an_answer_without_json_is_no_output(flow):
    async with http_endpoint() as shop:
        shop.answer = Answer(200, b"<p>hello</p>")
        task = await a_fetch(shop.url)
        await perform(flow, task)

    done = await one(Task, id=task)
    assert (done.status, done.output) == (TaskStatus.COMPLETED, None)


async def test_a_fetch_of_the_response_has_its_status_and_headers_too(flow):
    async with http_endpoint() as shop:
        shop.answer = Answer(200, b"[1]", {"X-Left": "3"})
        task = await a_fetch(shop.url, operation="fetch-response")
        await perform(flow, task)

    output = (await one(Task, id=task)).output
    assert (output["status"], output["data"], output["headers"]["x-left"]) == (200, [1], "3")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"message": "no such order"}', {"message": "no such order"}),
        (b"oops", {"message": "Fetch failed with status 404"}),
    ],
)
async def test_another_status_fails_the_task_and_the_run_goes_on(flow, body, error):
    async with http_endpoint() as shop:
        shop.answer = Answer(404, body)
        task = await a_fetch(shop.url, retry={"5xx": {"strategy": "backoff"}})
        await perform(flow, task)

    failed = await one(Task, id=task)
    assert (failed.status, failed.output) == (TaskStatus.ERRORED, error)
    attempt = await one(TaskAttempt, task_id=task)
    assert (attempt.status, attempt.error) == (AttemptStatus.ERRORED, error["message"])
    assert await resumed(flow)


async def test_a_status_with_a_rule_is_tried_again_at_its_time_until_its_limit(flow):
    rule = {"strategy": "backoff", "limit": 2, "minTimeoutInMs": 5000, "randomize": False}
    async with http_endpoint() as shop:
        shop.answer = Answer(503, b"busy")
        task = await a_fetch(shop.url, retry={"500-599": rule})
        await perform(flow, task)

        first, second = sorted(await every(TaskAttempt, task_id=task), key=lambda each: each.number)
        assert (first.status, first.error) == (AttemptStatus.ERRORED, "Fetch failed with status 503")
        assert (second.number, second.status) == (2, AttemptStatus.PENDING)
        assert (await one(Task, id=task)).status is TaskStatus.RUNNING
        (job,) = [job for job in await enqueued(flow) if job.state == "scheduled"]
        assert (job.task, job.key, job.queue) == ("performTaskOperation", f"operation:{task}", f"tasks:{task}")
        assert abs(job.run_at - second.run_at) < timedelta(milliseconds=10)
        assert await every(JobRunExecution) == []

        flow.store.advance(5)
        await flow.run(until_idle=True, queues=["tasks:*"])

    assert len(shop.requests) == 2
    assert (await one(Task, id=task)).status is TaskStatus.ERRORED
    assert await resumed(flow)


async def test_an_address_that_nobody_answers_at_costs_three_attempts_and_then_the_task(flow):
    task = await a_fetch(f"http://127.0.0.1:{await closed_port()}/x?token=t0ken")
    job = await perform(flow, task)
    for attempt in (1, 2):
        assert (job.state, job.attempt) == ("retrying", attempt)
        flow.store.advance(3600)
        await flow.run(until_idle=True, queues=["tasks:*"])
        job = await flow.get(job.id)

    assert (job.state, job.attempt) == ("succeeded", 3)
    failed = await one(Task, id=task)
    assert failed.status is TaskStatus.ERRORED
    assert "cannot be reached" in failed.output["message"]
    assert "t0ken" not in failed.output["message"]
    assert await resumed(flow)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[::1]/", "http://10.0.0.1/"])
@pytest.mark.only_on("sqlite")
async def test_an_address_inside_is_not_called_and_its_task_learns_nothing_of_it(flow, url):
    task = await a_fetch(url)
    await perform(flow, task)

    failed = await one(Task, id=task)
    assert (failed.status, failed.output) == (TaskStatus.ERRORED, {"message": f"{url} may not be called"})
    assert await resumed(flow)


@pytest.mark.parametrize(("kind", "allowed"), [(EnvironmentType.DEVELOPMENT, True), (EnvironmentType.STAGING, False)])
async def test_loopback_may_be_called_in_development_only(flow, monkeypatch, kind, allowed):
    monkeypatch.delenv("ENDPOINT_ALLOW")
    stage = await set_stage()
    async with begin() as session:
        (await session.get_one(RuntimeEnvironment, stage.environment)).type = kind
    async with http_endpoint() as shop:
        shop.says(1)
        task = await a_fetch(shop.url, stage=stage)
        await perform(flow, task)

    assert ((await one(Task, id=task)).status is TaskStatus.COMPLETED) is allowed
    assert bool(shop.requests) is allowed


async def test_a_slow_answer_is_tried_again_by_the_rule_for_it(flow, monkeypatch):
    monkeypatch.setattr("catalog.running.fetching.time_limit", lambda _params: 0.1)
    async with http_endpoint() as shop:
        shop.answer = Answer(hangs=True)
        once = await a_fetch(shop.url, timeout={"durationInMs": 1000})
        await perform(flow, once)
        again = await a_fetch(shop.url, stage=await set_stage(slug="two"), timeout={"durationInMs": 1, "retry": {}})
        await perform(flow, again)

    assert "did not answer within 0.1 s" in (await one(Task, id=once)).output["message"]
    assert (await one(Task, id=again)).status is TaskStatus.RUNNING
    assert len(await every(TaskAttempt, task_id=again)) == 2


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("fetch-poll", {"url": "http://a"}, "Unknown operation: fetch-poll"),
        ("fetch", {}, "Invalid fetch operation: $: 'url' is a required property"),
        ("fetch", {"url": 5}, "Invalid fetch operation: $.url"),
        ("fetch", {"url": "http://a", "requestInit": {"headers": {"a": 5}}}, "Invalid fetch operation: $.requestInit"),
        ("fetch", {"url": "http://a", "requestInit": {"headers": {"a": {}}}}, "'strings' is a required property"),
        ("fetch", {"url": "http://a", "requestInit": {"headers": {f"h{n}": "" for n in range(101)}}}, "too many prop"),
        ("fetch", {"url": "http://a", "requestInit": {"method": "A\r\nB"}}, "Invalid fetch operation"),
        ("fetch", {"url": "http://a", "retry": {"5xx": {"strategy": "hope"}}}, "Invalid fetch operation: $.retry"),
        ("fetch", {"url": "http://a", "retry": {"5xx": {"strategy": "headers"}}}, "Invalid fetch operation: $.retry"),
        ("fetch", {"url": "http://a", "requestInit": {"headers": {"a": "b\r\nc: d"}}}, "no HTTP header can carry"),
        ("fetch", None, "Invalid fetch operation"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_an_operation_that_cannot_be_performed_fails_its_task_at_once(flow, operation, params, message):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    task = await add_task(run, operation=operation, params=params)
    job = await perform(flow, task)

    assert job.state == "succeeded"
    failed = await one(Task, id=task)
    assert failed.status is TaskStatus.ERRORED
    assert message in failed.output["message"]
    assert await resumed(flow)


async def test_a_task_that_has_ended_by_itself_is_left_alone_and_its_run_goes_on(flow):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    task = await add_task(run, operation="fetch", status=TaskStatus.COMPLETED, params={"url": "http://127.0.0.1:9"})
    job = await perform(flow, task)

    assert job.state == "succeeded"
    assert (await one(Task, id=task)).output is None
    assert await resumed(flow)


async def test_a_task_that_ends_during_the_request_stays_as_it_is_and_its_run_goes_on(flow):
    async with http_endpoint() as shop:
        shop.says({"ok": 1})
        task = await a_fetch(shop.url)

        async def end():
            async with begin() as session:
                complete_task(await session.get_one(Task, task, options=[selectinload(Task.attempts)]), "by hand")

        shop.meanwhile = end
        await perform(flow, task)

    assert (await one(Task, id=task)).output == "by hand"
    assert await resumed(flow)


async def test_a_run_that_was_canceled_during_the_request_stays_so(flow):
    async with http_endpoint() as shop:
        shop.says({"ok": 1})
        task = await a_fetch(shop.url)
        run = (await one(Task, id=task)).run_id

        async def cancel():
            async with transaction(flow) as work:
                await cancel_run(work, run)

        shop.meanwhile = cancel
        await perform(flow, task)

    assert (await one(Task, id=task)).status is TaskStatus.CANCELED
    assert (await one(JobRun, id=run)).status is RunStatus.CANCELED
    assert await every(JobRunExecution) == []


async def test_an_unknown_task_is_nothing_to_do(flow):
    job = await perform(flow, "task_none")

    assert job.state == "succeeded"
    assert await every(JobRunExecution) == []

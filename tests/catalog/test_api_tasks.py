"""Tasks and statuses through the HTTP API: once for a key, ended once, and only for those they belong to."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from catalog.app.database import begin
from catalog.app.models import AttemptStatus, JobRun, RunStatus, Task, TaskAttempt, TaskStatus
from catalog.http_api import shapes
from kongflow.testing import enqueued
from tests.catalog.api_client import api
from tests.catalog.stage import add_run, add_task, every, one, set_stage

pytestmark = pytest.mark.anyio

LATER, BEFORE = "2099-01-31T12:00:00.500Z", "2020-01-31T12:00:00Z"
VERSIONED = {"trigger-version": "2023-09-29"}
SERIALIZED = {"trigger-version": "2023-11-01"}


async def begin_task(client, run, key="k1", headers=None, **body):
    return await client.post(
        f"/runs/{run}/tasks",
        json={"idempotencyKey": key, "name": "charge", "noop": False, **body},
        headers={"idempotency-key": key, **(headers or {})},
    )


async def a_run(status=RunStatus.STARTED, slug="shop"):
    return await add_run(await set_stage(slug=slug), status)


async def jobs(flow):
    return [(job.task, job.payload, job.key, job.queue) for job in await enqueued(flow)]


# --- begun ---


async def test_the_same_key_is_the_same_task(flow):
    run = await a_run()
    async with api(flow) as client:
        first = await begin_task(client, run)
        second = await begin_task(client, run, name="something else", noop=True)

    assert first.json() == second.json()
    assert first.json()["attempts"] == 1
    attempt = await one(TaskAttempt, task_id=first.json()["id"])
    assert (attempt.number, attempt.status) == (1, AttemptStatus.PENDING)


async def test_many_at_once_with_one_key_are_one_task(flow):
    run = await a_run()
    async with api(flow) as client:
        answers = await asyncio.gather(*(begin_task(client, run) for _ in range(8)))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await every(Task)) == 1


async def test_a_key_is_a_key_of_one_run(flow):
    stage = await set_stage()
    runs = [await add_run(stage, RunStatus.STARTED) for _ in range(2)]
    async with api(flow) as client:
        ids = {(await begin_task(client, run)).json()["id"] for run in runs}

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("run", "body", "status"),
    [
        (RunStatus.STARTED, {}, "RUNNING"),
        (RunStatus.STARTED, {"noop": True}, "COMPLETED"),
        (RunStatus.STARTED, {"noop": True, "delayUntil": LATER}, "WAITING"),
        (RunStatus.STARTED, {"delayUntil": LATER}, "WAITING"),
        (RunStatus.STARTED, {"noop": True, "delayUntil": BEFORE}, "COMPLETED"),
        (RunStatus.STARTED, {"delayUntil": 0}, "RUNNING"),
        (RunStatus.CANCELED, {}, "CANCELED"),
        (RunStatus.CANCELED, {"noop": True}, "CANCELED"),
        (RunStatus.FAILURE, {"operation": "fetch"}, "CANCELED"),
        (RunStatus.SUCCESS, {}, "CANCELED"),
        (RunStatus.TIMED_OUT, {}, "CANCELED"),
    ],
)
async def test_a_new_task_stands_where_its_run_and_its_wishes_put_it(flow, run, body, status):
    async with api(flow) as client:
        task = (await begin_task(client, await a_run(run), **body)).json()

    assert task["status"] == status
    assert (task["completedAt"] is not None) is (status in ("COMPLETED", "CANCELED"))
    assert task["startedAt"] is not None
    assert await jobs(flow) == []


@pytest.mark.parametrize("ended", [RunStatus.CANCELED, RunStatus.TIMED_OUT, RunStatus.FAILURE])
async def test_a_task_of_a_run_that_goes_on_after_its_end_goes_on_too(flow, ended):
    run = await a_run(ended)
    async with api(flow) as client:
        canceled = (await begin_task(client, run, operation="fetch")).json()
        assert canceled["status"] == "CANCELED"
        assert await jobs(flow) == []
        async with begin() as session:
            (await session.get_one(JobRun, run)).status = RunStatus.STARTED

        revived = (await begin_task(client, run, operation="fetch")).json()

    assert (revived["id"], revived["status"], revived["completedAt"]) == (canceled["id"], "RUNNING", None)
    assert [job[0] for job in await jobs(flow)] == ["performTaskOperation"]


async def test_an_operation_is_performed_once_in_a_queue_of_its_own(flow):
    run = await a_run()
    async with api(flow) as client:
        task = (await begin_task(client, run, operation="fetch", params={"url": "http://a"})).json()
        await begin_task(client, run, operation="fetch")

    id = task["id"]
    assert await jobs(flow) == [("performTaskOperation", {"id": id}, f"operation:{id}", f"tasks:{id}")]


async def test_an_operation_for_later_waits_for_its_time(flow):
    async with api(flow) as client:
        await begin_task(client, await a_run(), operation="fetch", delayUntil=LATER)

    (job,) = await enqueued(flow)
    assert job.run_at == datetime.fromisoformat(LATER)


async def test_a_task_is_answered_in_the_version_that_is_asked_for(flow):
    run = await a_run()
    async with api(flow) as client:
        plain = await begin_task(client, run)
        other = await begin_task(client, run, headers={"trigger-version": "2099-01-01"})
        versioned = await begin_task(client, run, headers=VERSIONED | {"x-cached-tasks-cursor": ""})

    assert "trigger-version" not in plain.headers
    assert other.json() == plain.json()
    assert versioned.headers["trigger-version"] == "2023-09-29"
    assert versioned.json() == {"task": plain.json()}


async def test_a_versioned_answer_brings_the_completed_tasks_from_the_cursor_on(flow, monkeypatch):
    run = await a_run()
    at = datetime(2026, 1, 31, tzinfo=UTC)
    done = [
        await add_task(
            run, f"k{n}", status=TaskStatus.COMPLETED, output={"n": n, "x": "x" * 100}, created_at=at + timedelta(0, n)
        )
        for n in range(5)
    ]
    await add_task(run, "noop", status=TaskStatus.COMPLETED, noop=True, created_at=at + timedelta(0, 2))
    await add_task(run, "failed", status=TaskStatus.ERRORED, created_at=at + timedelta(0, 2))
    monkeypatch.setattr(shapes, "CACHED_CHARACTERS", 500)
    async with api(flow) as client:
        first = await begin_task(client, run, "new", VERSIONED | {"x-cached-tasks-cursor": done[1]})
        second = await begin_task(
            client, run, "new", VERSIONED | {"x-cached-tasks-cursor": first.json()["cachedTasks"]["cursor"]}
        )
        unknown = await begin_task(client, run, "new", VERSIONED | {"x-cached-tasks-cursor": "task_none"})

    assert [task["id"] for task in first.json()["cachedTasks"]["tasks"]] == ["k1", "k2"]
    assert first.json()["cachedTasks"]["tasks"][0] == {
        "id": "k1",
        "idempotencyKey": "k1",
        "status": "COMPLETED",
        "noop": False,
        "output": {"n": 1, "x": "x" * 100},
        "parentId": None,
    }
    assert first.json()["cachedTasks"]["cursor"] == done[3]
    assert [task["id"] for task in second.json()["cachedTasks"]["tasks"]] == ["k3", "k4"]
    assert "cursor" not in second.json()["cachedTasks"]
    assert unknown.json()["cachedTasks"] == {"tasks": []}


async def test_a_task_that_is_too_large_to_bring_along_stops_none_behind_it(monkeypatch):
    monkeypatch.setattr(shapes, "CACHED_CHARACTERS", 200)
    tasks = [
        Task(id=f"t{n}", idempotency_key=f"k{n}", status=TaskStatus.COMPLETED, noop=False, output=output)
        for n, output in enumerate(["x" * 500, "y"])
    ]

    assert [task["id"] for task in shapes.cached_tasks(tasks)["tasks"]] == ["k1"]


@pytest.mark.parametrize("headers", [{"idempotency-key": ""}, {}, {"idempotency-key": "x" * 513}])
@pytest.mark.only_on("sqlite")
async def test_a_task_without_a_key_is_refused(flow, headers):
    run = await a_run()
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/tasks", json={"name": "charge"}, headers=headers)

    assert answer.status_code == 400
    assert "idempotency" in answer.json()["error"]
    assert await every(Task) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": 5}, "$.name: 5 is not of type"),
        ({"noop": "yes"}, "$.noop"),
        ({"delayUntil": "tomorrow"}, "$.delayUntil: 'tomorrow' is no time"),
        ({"delayUntil": 1e300}, "$.delayUntil"),
        ({"delayUntil": "2999-01-01T00:00:00Z"}, "$.delayUntil: '2999-01-01T00:00:00Z' is too far away"),
        ({"delayUntil": "9999-12-31T23:59:59-14:00"}, "$.delayUntil"),
        ({"style": {"style": "bold"}}, "$.style.style"),
        ({"properties": [5]}, "$.properties[0]"),
        ({"parentId": "task_none"}, "$.parentId: the run has no task 'task_none'"),
        ({"callback": {"enabled": True}}, "$.callback"),
        ({"params": {"body": "x" * (1 << 20)}}, "$.params: it must be less than 1024 kB"),
        ({"properties": [{"label": "l", "text": "x" * (1 << 20)}]}, "$.properties: it must be less than 1024 kB"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_a_bad_task_is_refused_with_the_place(flow, body, place):
    async with api(flow) as client:
        answer = await begin_task(client, await a_run(), **body)

    assert answer.status_code == 400
    assert place in answer.json()["error"]
    assert await every(Task) == []


async def test_a_task_of_another_run_is_no_parent(flow):
    stage = await set_stage()
    other = await add_task(await add_run(stage, RunStatus.STARTED))
    async with api(flow) as client:
        answer = await begin_task(client, await add_run(stage, RunStatus.STARTED), parentId=other)

    assert answer.status_code == 400


async def test_properties_that_cannot_be_shown_are_left_out(flow):
    said = [{"label": "a", "text": "b", "url": "http://c"}, {"label": "only"}, {"label": 1, "text": "x"}]
    async with api(flow) as client:
        task = (await begin_task(client, await a_run(), properties=said)).json()

    assert task["properties"] == said[:1]


# --- ended ---


@pytest.mark.parametrize(
    ("headers", "body", "output"),
    [
        (SERIALIZED, {"output": '{"a": [1, null, "ü"]}'}, {"a": [1, None, "ü"]}),
        (SERIALIZED, {"output": '"text"'}, "text"),
        (SERIALIZED, {}, None),
        (SERIALIZED, {"output": ""}, None),
        ({}, {"output": {"a": 1}}, {"a": 1}),
        ({}, {"output": '{"a": 1}'}, '{"a": 1}'),
        ({}, {}, None),
    ],
)
async def test_a_completed_task_keeps_its_output(flow, headers, body, output):
    run = await a_run()
    async with api(flow) as client:
        id = (await begin_task(client, run)).json()["id"]
        answer = await client.post(
            f"/runs/{run}/tasks/{id}/complete",
            headers=headers,
            json=body | {"properties": [{"label": "l", "text": "t"}]},
        )

    task = answer.json()
    assert answer.status_code == 200
    assert "trigger-version" not in answer.headers
    assert (task["status"], task["output"]) == ("COMPLETED", output)
    assert task["outputProperties"] == [{"label": "l", "text": "t"}]
    assert task["completedAt"].endswith("Z")
    assert (await one(TaskAttempt, task_id=id)).status is AttemptStatus.COMPLETED


async def test_a_failed_task_keeps_its_error(flow):
    run = await a_run()
    error = {"message": "boom", "name": "TypeError", "stack": "at x"}
    async with api(flow) as client:
        id = (await begin_task(client, run)).json()["id"]
        task = (await client.post(f"/runs/{run}/tasks/{id}/fail", json={"error": error})).json()

    assert (task["status"], task["output"]) == ("ERRORED", error)
    attempt = await one(TaskAttempt, task_id=id)
    assert (attempt.status, attempt.error) == (AttemptStatus.ERRORED, "TypeError: boom")


@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.ERRORED, TaskStatus.CANCELED])
async def test_a_task_that_has_ended_stays_as_it_is(flow, status):
    run = await a_run()
    id = await add_task(run, status=status, output={"first": 1})
    async with api(flow) as client:
        completed = await client.post(f"/runs/{run}/tasks/{id}/complete", headers=SERIALIZED, json={"output": "2"})
        failed = await client.post(f"/runs/{run}/tasks/{id}/fail", json={"error": {"message": "no"}})

    assert completed.json() == failed.json()
    assert (completed.json()["status"], completed.json()["output"]) == (status, {"first": 1})


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        (SERIALIZED, {"output": {"a": 1}}, "$.output"),
        (SERIALIZED, {"output": "{"}, "$.output: invalid JSON"),
        (SERIALIZED, {"output": "NaN"}, "$.output: invalid JSON"),
        (SERIALIZED, {"output": '"\\u0000"'}, "$.output: text that cannot be stored"),
        (SERIALIZED, {"output": json.dumps("x" * (3 << 20))}, "Output must be less than 3MB"),
        ({}, {"output": "x" * (3 << 20)}, "Output must be less than 3MB"),
        ({}, {"properties": "x"}, "$.properties"),
        ({}, [], "$: [] is not of type 'object'"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_a_bad_end_is_refused_and_the_task_goes_on(flow, headers, body, problem):
    run = await a_run()
    id = await add_task(run)
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/tasks/{id}/complete", headers=headers, json=body)

    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert (await one(Task, id=id)).status is TaskStatus.RUNNING


@pytest.mark.parametrize("body", [{}, {"error": "boom"}, {"error": {}}, {"error": {"message": 5}}])
@pytest.mark.only_on("sqlite")
async def test_a_failure_without_an_error_is_refused(flow, body):
    run = await a_run()
    id = await add_task(run)
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/tasks/{id}/fail", json=body)

    assert answer.status_code == 400
    assert "$" in answer.json()["error"]
    assert (await one(Task, id=id)).status is TaskStatus.RUNNING


async def test_an_end_that_comes_after_a_cancel_changes_nothing(flow):
    run = await a_run()
    id = await add_task(run)
    async with api(flow) as client:
        await client.post(f"/runs/{run}/cancel")
        answer = await client.post(f"/runs/{run}/tasks/{id}/complete", headers=SERIALIZED, json={"output": "1"})

    assert answer.json()["status"] == "CANCELED"

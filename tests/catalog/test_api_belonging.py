"""Runs and tasks through the HTTP API: there for those they belong to, and for nobody else."""

import pytest

from catalog.app.models import JobRun, RunStatus, Task, TaskStatus
from tests.catalog.api_client import api
from tests.catalog.stage import add_run, add_task, every, one, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]  # what it writes is the same on both


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/runs/{run}/tasks", {"name": "x"}),
        ("POST", "/runs/{run}/tasks/{task}/complete", {"output": 1}),
        ("POST", "/runs/{run}/tasks/{task}/fail", {"error": {"message": "x"}}),
        ("PUT", "/runs/{run}/statuses/st", {"label": "x"}),
        ("POST", "/runs/{run}/logs", {"level": "INFO", "message": "x"}),
        ("GET", "/runs/{run}", None),
        ("POST", "/runs/{run}/cancel", None),
    ],
)
async def test_a_run_of_another_environment_is_not_there(flow, method, path, body):
    await set_stage()
    run = await add_run(await set_stage(slug="other"), RunStatus.STARTED)
    task = await add_task(run)
    async with api(flow) as client:
        theirs = await client.request(
            method, path.format(run=run, task=task), json=body, headers={"idempotency-key": "new"}
        )
        none = await client.request(
            method, path.format(run="run_none", task=task), json=body, headers={"idempotency-key": "new"}
        )

    assert (theirs.status_code, theirs.json()) == (none.status_code, none.json()) == (404, theirs.json())
    assert theirs.json()["message"] == "Run not found"
    assert (await one(JobRun, id=run)).status is RunStatus.STARTED
    assert [each.status for each in await every(Task)] == [TaskStatus.RUNNING]


@pytest.mark.parametrize("end", ["complete", "fail"])
async def test_a_task_of_another_run_is_not_there(flow, end):
    stage = await set_stage()
    run, other = [await add_run(stage, RunStatus.STARTED) for _ in range(2)]
    task = await add_task(other)
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/tasks/{task}/{end}", json={"error": {"message": "x"}})

    assert (answer.status_code, answer.json()["message"]) == (404, "Task not found")
    assert (await one(Task, id=task)).status is TaskStatus.RUNNING

"""Runs through the HTTP API: shown, cancelled, started by name; endpoints indexed; who one is."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from catalog.app.database import begin
from catalog.app.models import Endpoint, EventRecord, JobQueue, JobRun, JobVersion, RunStatus, TaskStatus, VersionStatus
from kongflow.testing import enqueued
from tests.catalog.api_client import api, key_of
from tests.catalog.stage import add_event, add_run, add_task, every, one, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]  # what it writes is the same on both

AT = datetime(2026, 1, 31, 12, 5, 0, 123456, tzinfo=UTC)


async def jobs(flow, task):
    return [(job.payload, job.key) for job in await enqueued(flow, task)]


# --- shown ---


@pytest.mark.parametrize("version", ["/api/v1", "/api/v2"])
async def test_a_run_is_shown_with_its_tasks(flow, version):
    run = await add_run(await set_stage(), RunStatus.SUCCESS, output={"a": 1}, started_at=AT, completed_at=AT)
    parent = await add_task(run, "k1", display_key="one", created_at=AT, output="secret", started_at=AT)
    await add_task(run, "k2", parent_id=parent, created_at=AT)
    async with api(flow) as client:
        shown = (await client.get(f"http://api.invalid{version}/runs/{run}")).json()

    instant = "2026-01-31T12:05:00.123Z"
    assert shown == {
        "id": run,
        "status": "SUCCESS",
        "startedAt": instant,
        "updatedAt": instant,
        "completedAt": instant,
        "output": {"a": 1},
        "tasks": [
            {
                "id": parent,
                "displayKey": "one",
                "status": "RUNNING",
                "name": "step",
                "icon": None,
                "startedAt": instant,
                "completedAt": None,
            }
        ],
        "statuses": [],
    }


async def test_tasks_are_shown_in_what_they_belong_to_and_with_details_where_that_is_wanted(flow):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    parent = await add_task(run, "k1", created_at=AT, params={"p": 1}, output=2)
    child = await add_task(run, "k2", parent_id=parent, created_at=AT + timedelta(0, 1))
    async with api(flow) as client:
        plain = (await client.get(f"/runs/{run}?subtasks=false")).json()["tasks"]
        (shown,) = (await client.get(f"/runs/{run}?subtasks=true&taskdetails=true")).json()["tasks"]

    assert [task["id"] for task in plain] == [parent]
    assert (shown["params"], shown["output"]) == ({"p": 1}, 2)
    assert [task["id"] for task in shown["subtasks"]] == [child]


async def test_tasks_come_in_pages(flow):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    tasks = [await add_task(run, f"k{n}", created_at=AT + timedelta(0, n)) for n in range(5)]
    seen, cursor = [], ""
    async with api(flow) as client:
        while cursor is not None:
            page = (await client.get(f"/runs/{run}?take=2&cursor={cursor}")).json()
            seen.append([task["id"] for task in page["tasks"]])
            cursor = page.get("nextCursor")

    assert seen == [tasks[:2], tasks[2:4], tasks[4:]]


@pytest.mark.parametrize(
    "query", ["take=0", "take=x", "take=-1", "take=1e3", "take=99999999999", "cursor=task_none", "cursor=%00"]
)
@pytest.mark.only_on("sqlite")
async def test_a_query_that_is_none_is_refused(flow, query):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    async with api(flow) as client:
        answer = await client.get(f"/runs/{run}?{query}")

    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]


# --- cancelled ---


async def test_a_run_is_cancelled_once(flow):
    run = await add_run(await set_stage(), RunStatus.STARTED)
    await add_task(run)
    async with api(flow) as client:
        first = (await client.post(f"/runs/{run}/cancel")).json()
        second = (await client.post(f"/runs/{run}/cancel")).json()

    assert (first["status"], first["tasks"][0]["status"]) == ("CANCELED", TaskStatus.CANCELED)
    assert second == first
    assert (await one(JobQueue)).job_count == 0


async def test_a_run_that_has_ended_is_not_cancelled(flow):
    run = await add_run(await set_stage(), RunStatus.SUCCESS)
    async with api(flow) as client:
        assert (await client.post(f"/runs/{run}/cancel")).json()["status"] == "SUCCESS"


# --- started by name ---


async def test_a_job_is_started_by_its_name(flow):
    stage = await set_stage()
    async with api(flow) as client:
        answer = await client.post(
            "/jobs/on-order/invoke", json={"payload": {"a": 1}, "context": {"c": 2}, "options": {"accountId": "ada"}}
        )

    run = await one(JobRun)
    assert answer.json() == {"id": run.id}
    assert (run.status, run.version_id, run.external_account_id is not None) == (RunStatus.PENDING, stage.version, True)
    event = await one(EventRecord)
    assert (event.name, event.payload, event.context) == ("invoke", {"a": 1}, {"c": 2})
    assert [payload for payload, _ in await jobs(flow, "startRun")] == [{"id": run.id}]
    assert await jobs(flow, "deliverEvent") == []


async def test_a_job_is_started_once_for_a_key(flow):
    await set_stage()
    async with api(flow) as client:
        answers = await asyncio.gather(
            *(client.post("/jobs/on-order/invoke", json={}, headers={"idempotency-key": "k1"}) for _ in range(5))
        )

    assert {answer.json()["id"] for answer in answers} == {(await one(JobRun)).id}


async def test_a_key_that_is_the_id_of_another_event_starts_nothing(flow):
    await add_event(await set_stage(), "k1")
    async with api(flow) as client:
        answer = await client.post("/jobs/on-order/invoke", json={}, headers={"idempotency-key": "k1"})

    assert answer.status_code == 409
    assert await every(JobRun) == []


async def test_a_job_that_is_not_offered_here_is_not_there(flow):
    await set_stage()
    await set_stage(slug="other")
    async with api(flow) as client:
        assert (await client.post("/jobs/nothing/invoke", json={})).status_code == 404
        async with begin() as session:
            for version in await session.scalars(JobVersion.__table__.select()):
                (await session.get_one(JobVersion, version)).status = VersionStatus.DISABLED
        answer = await client.post("/jobs/on-order/invoke", json={})

    assert (answer.status_code, answer.json()["error"]) == (404, "Job not found")
    assert await every(EventRecord) == []


@pytest.mark.parametrize("options", [{"accountId": 5}, {"callbackUrl": "http://127.0.0.1"}])
async def test_options_that_are_none_or_not_supported_are_refused(flow, options):
    await set_stage()
    async with api(flow) as client:
        answer = await client.post("/jobs/on-order/invoke", json={"options": options})

    assert answer.status_code == 400
    assert f"$.options.{next(iter(options))}" in answer.json()["error"]


# --- indexed ---


async def test_an_endpoint_is_indexed_by_its_name(flow):
    stage = await set_stage()
    async with api(flow) as client:
        answer = await client.post("/endpoints/shop/index", json={"reason": "deployed", "data": {"commit": "4f2a"}})
        unknown = await client.post("/endpoints/none/index", json={})

    ((payload, key),) = await jobs(flow, "indexEndpoint")
    assert payload == {
        "id": stage.endpoint,
        "source": "API",
        "reason": "deployed",
        "sourceData": {"commit": "4f2a"},
    }
    assert key == f"index:{stage.endpoint}"
    assert answer.json()["endpointId"] == stage.endpoint
    assert unknown.status_code == 404


async def test_a_hook_indexes_its_endpoint_a_little_later_and_once(flow):
    stage = await set_stage()
    hook = (await one(Endpoint)).indexing_hook
    async with api(flow, key=None) as client:
        path = f"/endpoints/{stage.environment}/shop/index/{hook}"
        answers = [
            await client.get(path),
            await client.post(path, content=b"not json"),
            await client.post(path, json={"commit": "4f2a"}),
        ]

    assert [answer.json() for answer in answers] == [{"ok": True}] * 3
    (job,) = await enqueued(flow, "indexEndpoint")
    assert job.payload == {"id": stage.endpoint, "source": "HOOK", "sourceData": {"commit": "4f2a"}}
    assert job.state == "scheduled"


async def test_whoever_does_not_know_the_hook_learns_nothing(flow):
    stage = await set_stage()
    hook = (await one(Endpoint)).indexing_hook
    async with api(flow, key=None) as client:
        answers = [
            await client.post(f"/endpoints/{environment}/{slug}/index/{given}")
            for environment, slug, given in [
                (stage.environment, "shop", "0123456789"),
                (stage.environment, "shop", "hö"),
                (stage.environment, "none", hook),
                ("env_none", "shop", hook),
            ]
        ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert await enqueued(flow) == []


async def test_more_than_a_job_can_hold_is_refused(flow):
    await set_stage()
    async with api(flow) as client:
        answer = await client.post("/endpoints/shop/index", json={"data": "x" * (5 << 20)})

    assert answer.status_code == 413
    assert await enqueued(flow) == []


# --- who one is ---


async def test_whoever_has_a_key_is_told_whose_it_is_and_not_the_key(flow):
    stage = await set_stage()
    async with api(flow) as client:
        answer = await client.get("/whoami")

    assert answer.json()["id"] == stage.environment
    assert answer.json()["project"] == {"id": stage.project, "slug": "shop", "name": "Shop"}
    assert answer.json()["organization"]["title"] == "Shop"
    assert key_of() not in answer.text

"""What a run says of itself through the HTTP API: its statuses and log lines."""

import asyncio
import logging

import pytest

from catalog.app.models import RunStatus
from catalog.running import tasks
from tests.catalog.api_client import api
from tests.catalog.stage import add_run, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]  # what it writes is the same on both


async def a_run():
    return await add_run(await set_stage(), RunStatus.STARTED)


async def test_what_a_run_says_of_itself_is_kept_with_what_it_said_before(flow):
    run = await a_run()
    async with api(flow) as client:
        first = await client.put(f"/runs/{run}/statuses/st-1", json={"label": "Working", "state": "loading"})
        second = await client.put(f"/runs/{run}/statuses/st-1", json={"state": "success", "data": {"p": 100}})
        other = await client.put(f"/runs/{run}/statuses/st-2", json={})
        shown = await client.get(f"/runs/{run}")

    assert "data" not in first.json()
    assert second.json()["history"] == [{"label": "Working", "state": "loading"}]
    assert (second.json()["label"], second.json()["state"]) == ("Working", "success")
    assert other.json()["label"] == "st-2"
    assert [status["key"] for status in shown.json()["statuses"]] == ["st-1", "st-2"]


async def test_what_many_say_at_once_is_all_kept(flow):
    run = await a_run()
    async with api(flow) as client:
        await asyncio.gather(
            *(client.put(f"/runs/{run}/statuses/st", json={"label": "l", "data": {"n": n}}) for n in range(6))
        )
        last = (await client.put(f"/runs/{run}/statuses/st", json={})).json()

    assert sorted(said["data"]["n"] for said in last["history"]) == list(range(6))


async def test_what_was_said_long_ago_is_forgotten(flow, monkeypatch):
    monkeypatch.setattr(tasks, "MAX_HISTORY", 3)
    run = await a_run()
    async with api(flow) as client:
        for n in range(6):
            last = (await client.put(f"/runs/{run}/statuses/st", json={"data": {"n": n}})).json()

    assert [said["data"]["n"] for said in last["history"]] == [2, 3, 4]


@pytest.mark.parametrize("body", [{"state": "done"}, {"data": [1]}, {"label": 5}, []])
@pytest.mark.only_on("sqlite")
async def test_a_status_that_is_none_is_refused(flow, body):
    async with api(flow) as client:
        answer = await client.put(f"/runs/{await a_run()}/statuses/st", json=body)

    assert answer.status_code == 400


async def test_a_log_line_is_echoed_and_logged_as_one_line(flow, caplog):
    caplog.set_level(logging.INFO)
    said = {"level": "WARN", "message": "a\nERROR faked", "data": {"a": 1}}
    run = await a_run()
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/logs", json=said)
        bad = await client.post(f"/runs/{run}/logs", json={"level": "LOUD", "message": "x"})

    assert answer.json() == said
    assert bad.status_code == 400
    (record,) = [each for each in caplog.records if each.name == "catalog.http_api.tasks"]
    assert record.levelname == "WARNING"
    assert "\n" not in record.getMessage()


async def test_a_log_line_is_not_longer_than_a_log_should_have(flow, caplog):
    caplog.set_level(logging.INFO)
    said = {"level": "INFO", "message": "x" * 100_000}
    run = await a_run()
    async with api(flow) as client:
        answer = await client.post(f"/runs/{run}/logs", json=said)

    assert answer.json() == said
    (record,) = [each for each in caplog.records if each.name == "catalog.http_api.tasks"]
    assert len(record.getMessage()) < 10_100

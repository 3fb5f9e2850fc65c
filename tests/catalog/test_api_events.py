"""Events through the HTTP API: taken in once, delivered when it is time, cancelled before."""

from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import ValidationError

from catalog.app.models import EventRecord, ExternalAccount, JobRun
from kongflow.testing import enqueued
from tests.catalog.api_client import api, key_of
from tests.catalog.stage import add_run, every, one, set_stage

pytestmark = pytest.mark.anyio

LATER = "2099-01-31T12:00:00.500Z"


async def send(client, options=None, **event):
    return await client.post("/events", json={"event": {"name": "order.paid", **event}, "options": options or {}})


async def deliveries(flow):
    return [(job.payload["id"], job.state) for job in await enqueued(flow, "deliverEvent")]


async def test_an_event_is_taken_in_and_answered_as_it_is_kept(flow):
    await set_stage()
    async with api(flow) as client:
        answer = await send(
            client, id="evt-1", payload={"a": 1}, context={"c": 2}, timestamp="2026-01-31T12:05:00.123Z", source="shop"
        )

    log = answer.json()
    assert answer.status_code == 200
    assert {name: log[name] for name in ("id", "name", "payload", "context", "timestamp")} == {
        "id": "evt-1",
        "name": "order.paid",
        "payload": {"a": 1},
        "context": {"c": 2},
        "timestamp": "2026-01-31T12:05:00.123Z",
    }
    assert (log["deliveredAt"], log["cancelledAt"]) == (None, None)
    record = await one(EventRecord)
    assert record.source == "shop"
    assert await deliveries(flow) == [(record.id, "ready")]


@pytest.mark.parametrize("null", [None, {}])
async def test_what_is_not_said_is_as_the_sdk_means_it(flow, null):
    await set_stage()
    said = {} if null is None else dict.fromkeys(("id", "payload", "context", "timestamp", "source"))
    async with api(flow) as client:
        log = (await send(client, **said)).json()

    assert log["id"].startswith("evt_")
    assert (log["payload"], log["context"]) == ({}, {})
    assert (await one(EventRecord)).source == "trigger.dev"


async def test_an_event_that_is_known_is_answered_and_not_delivered_twice(flow):
    await set_stage()
    async with api(flow) as client:
        first = await send(client, id="evt-1", payload={"a": 1})
        second = await send(client, id="evt-1", payload={"a": 2})

    assert second.json() == first.json()
    assert len(await deliveries(flow)) == 1


async def test_an_id_is_one_of_its_environment(flow):
    await set_stage()
    await set_stage(slug="other")
    async with api(flow) as ours, api(flow, key_of("other")) as theirs:
        await send(ours, id="evt-1")
        await send(theirs, id="evt-1")
        assert (await theirs.get("/events/evt-1")).status_code == 200

    assert len(await every(EventRecord)) == 2


async def test_an_event_for_later_waits_for_its_time(flow):
    await set_stage()
    async with api(flow) as client:
        at = await send(client, {"deliverAt": LATER})
        after = await send(client, {"deliverAfter": 30})

    assert at.json()["deliverAt"] == LATER
    wait = datetime.fromisoformat(after.json()["deliverAt"]) - datetime.now(UTC)
    assert timedelta(0) < wait <= timedelta(seconds=30)
    assert [state for _, state in await deliveries(flow)] == ["scheduled", "scheduled"]


async def test_an_event_may_be_for_an_account(flow):
    await set_stage()
    async with api(flow) as client:
        await send(client, {"accountId": "ada"})
        await send(client, {"accountId": "ada"})

    account = await one(ExternalAccount)
    assert account.identifier == "ada"
    assert {event.external_account_id for event in await every(EventRecord)} == {account.id}


async def test_events_come_in_together_or_not_at_all(flow):
    await set_stage()
    async with api(flow) as client:
        good = await client.post("/events/bulk", json={"events": [{"name": "a"}, {"name": "b"}]})
        bad = await client.post("/events/bulk", json={"events": [{"name": "c"}, {"name": 5}]})

    assert [log["name"] for log in good.json()] == ["a", "b"]
    assert bad.status_code == 422
    assert "$.events[1].name: 5" in bad.json()["message"]
    assert len(await every(EventRecord)) == len(await deliveries(flow)) == 2


async def test_more_events_than_one_transaction_should_hold_are_refused(flow):
    await set_stage()
    async with api(flow) as client:
        answer = await client.post("/events/bulk", json={"events": [{"name": "a"}] * 201})

    assert answer.status_code == 422
    assert "$.events" in answer.json()["message"]


async def test_events_are_answered_in_the_order_of_the_call_whatever_their_ids(flow):
    await set_stage()
    events = [{"name": "1", "id": "c"}, {"name": "2"}, {"name": "3", "id": "a"}, {"name": "4", "id": "b"}]
    async with api(flow) as client:
        answer = await client.post("/events/bulk", json={"events": events})

    assert [log["name"] for log in answer.json()] == ["1", "2", "3", "4"]


async def test_of_two_events_of_one_call_with_one_id_the_last_says_what_is_kept(flow):
    await set_stage()
    events = [{"name": "a", "id": "1", "payload": {"n": n}} for n in range(2)]
    async with api(flow) as client:
        answer = await client.post("/events/bulk", json={"events": events, "options": {"deliverAt": LATER}})

    assert [log["payload"] for log in answer.json()] == [{"n": 1}, {"n": 1}]
    assert (await one(EventRecord)).payload == {"n": 1}
    assert len(await deliveries(flow)) == 1


@pytest.mark.only_on("sqlite")
async def test_of_many_events_that_are_none_the_first_is_told_and_no_other_looked_at(flow, monkeypatch):
    told = []
    say = ValidationError.__init__

    def count_and_say(error, message, **more):
        told.append(message)
        say(error, message, **more)

    monkeypatch.setattr(ValidationError, "__init__", count_and_say)
    await set_stage()
    async with api(flow) as client:
        answer = await client.post("/events/bulk", json={"events": [{}] * 200})

    assert "$.events[0]: 'name' is a required property" in answer.json()["message"]
    assert told == ["'name' is a required property"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "$: 'event' is a required property"),
        ({"event": {}}, "$.event: 'name' is a required property"),
        ({"event": {"name": None}}, "$.event.name"),
        ({"event": {"name": "a", "id": 5}}, "$.event.id"),
        ({"event": {"name": "a", "id": ""}}, "$.event.id"),
        ({"event": {"name": "a", "id": "x" * 513}}, "$.event.id"),
        ({"event": {"name": "a", "timestamp": "soon"}}, "$.event.timestamp: 'soon' is no time"),
        ({"event": {"name": "a", "timestamp": True}}, "$.event.timestamp"),
        ({"event": {"name": "a"}, "options": {"deliverAfter": 1.5}}, "$.options.deliverAfter"),
        ({"event": {"name": "a"}, "options": {"deliverAfter": 10**12}}, "$.options.deliverAfter"),
        ({"event": {"name": "a"}, "options": {"deliverAt": "soon"}}, "$.options.deliverAt"),
        (
            {"event": {"name": "a"}, "options": {"deliverAt": "2999-01-01T00:00:00Z"}},
            "$.options.deliverAt: '2999-01-01T00:00:00Z' is too far away",
        ),
        ({"event": {"name": "a"}, "options": {"accountId": 5}}, "$.options.accountId"),
        ([], "$: [] is not of type 'object'"),
    ],
)
@pytest.mark.only_on("sqlite")
async def test_an_event_that_is_none_is_refused_with_the_place(flow, body, place):
    await set_stage()
    async with api(flow) as client:
        answer = await client.post("/events", json=body)

    assert answer.status_code == 422
    assert place in answer.json()["message"]
    assert await every(EventRecord) == []
    assert await deliveries(flow) == []


@pytest.mark.parametrize("version", ["/api/v1", "/api/v2"])
async def test_an_event_is_shown_with_its_runs(flow, version):
    stage = await set_stage()
    run = await add_run(stage)
    event = await one(EventRecord)
    async with api(flow) as client:
        shown = (await client.get(f"http://api.invalid{version}/events/{event.event_id}")).json()

    assert (shown["id"], shown["name"]) == (event.event_id, "order.paid")
    assert shown["createdAt"] == shown["updatedAt"]
    assert shown["createdAt"] is not None
    assert shown["runs"] == [{"id": run, "status": "PENDING", "startedAt": None, "completedAt": None}]


async def test_an_event_that_is_cancelled_is_not_delivered(flow):
    await set_stage()
    async with api(flow) as client:
        await send(client, {"deliverAt": LATER}, id="evt-1")
        cancelled = (await client.post("/events/evt-1/cancel")).json()
        again = (await client.post("/events/evt-1/cancel")).json()

    assert cancelled["cancelledAt"] is not None
    assert again == cancelled
    assert [state for _, state in await deliveries(flow)] == ["cancelled"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/events/evt-1"), ("POST", "/events/evt-1/cancel")])
async def test_an_event_of_another_environment_is_not_there(flow, method, path):
    await set_stage()
    await set_stage(slug="other")
    async with api(flow) as ours, api(flow, key_of("other")) as theirs:
        await send(theirs, {"deliverAt": LATER}, id="evt-1")
        answer = await ours.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (404, "Event not found")
    assert (await one(EventRecord)).cancelled_at is None
    assert await every(JobRun) == []

"""Ingestion: an event comes in once, is delivered when it says, and can be changed or cancelled until then."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from catalog.app.models import EventRecord, ExternalAccount, RunStatus
from catalog.app.work import transaction
from catalog.eventing.ingest import RawEvent, SendOptions, cancel_event, ingest, lock_event
from catalog.running.finished import run_finished
from kongflow.testing import enqueued
from tests.catalog.api_client import api
from tests.catalog.locks import until_somebody_waits
from tests.catalog.stage import add_run, every, one, set_stage

pytestmark = pytest.mark.anyio

ORDER = RawEvent("order.paid", {"total": 5}, id="evt_1")
LATER = SendOptions(deliver_after=600)


async def send(flow, stage, event=ORDER, options=None, **about):
    async with transaction(flow) as work:
        return (await ingest(work, stage.environment, event, options, **about)).id


def is_for(job, record):
    """Say whether the job runs when the event is to be delivered; jobs count milliseconds, and round up."""
    return timedelta() <= job.run_at - record.deliver_at < timedelta(milliseconds=1)


async def test_an_event_becomes_a_record_and_a_job_that_delivers_it(flow):
    stage = await set_stage()
    before = datetime.now(UTC)

    id = await send(flow, stage)

    record = await one(EventRecord)
    assert (record.id, record.event_id, record.name, record.payload) == (id, "evt_1", "order.paid", {"total": 5})
    assert (record.context, record.source, record.is_test) == ({}, "trigger.dev", False)
    assert before <= record.deliver_at <= datetime.now(UTC)
    assert (record.delivered_at, record.cancelled_at) == (None, None)
    (job,) = await enqueued(flow)
    assert (job.task, job.payload, job.queue, job.key) == (
        "deliverEvent",
        {"id": id},
        "event-dispatcher",
        f"event:{id}",
    )
    assert is_for(job, record)


async def test_an_event_without_an_id_is_always_a_new_one(flow):
    stage = await set_stage()
    for _ in range(2):
        await send(flow, stage, RawEvent("order.paid"))

    first, second = await every(EventRecord)
    assert first.event_id != second.event_id
    assert first.payload == second.payload == {}


async def test_an_event_waits_as_long_as_it_says(flow):
    stage = await set_stage()
    at = datetime(2031, 1, 31, 12, tzinfo=UTC)
    await send(flow, stage, RawEvent("a"), SendOptions(deliver_at=at))
    before = datetime.now(UTC)
    await send(flow, stage, RawEvent("b"), SendOptions(deliver_after=30))

    first, second = await enqueued(flow, "deliverEvent")
    assert first.run_at == at
    assert timedelta(seconds=30) <= second.run_at - before < timedelta(seconds=60)


@pytest.mark.parametrize("seconds", [0, 4])
async def test_the_same_id_twice_is_one_event_and_one_job(flow, seconds):
    stage = await set_stage()

    first = await send(flow, stage, options=SendOptions(deliver_after=seconds))
    assert await send(flow, stage, RawEvent("order.paid", {"total": 6}, id="evt_1"), LATER) == first

    assert (await one(EventRecord)).payload == {"total": 5}
    assert len(await enqueued(flow)) == 1


async def test_another_environment_may_use_the_same_id(flow):
    for slug in ("shop", "other"):
        await send(flow, await set_stage(slug=slug))

    assert len(await every(EventRecord)) == 2


@pytest.mark.only_on("postgres")
async def test_of_two_at_once_with_the_same_id_the_second_gets_the_event_of_the_first(flow):
    stage = await set_stage()
    async with transaction(flow) as work:
        first = (await ingest(work, stage.environment, ORDER)).id
        second = asyncio.create_task(send(flow, stage))
        await until_somebody_waits()

    assert await second == first
    assert len(await every(EventRecord)) == 1
    assert len(await enqueued(flow)) == 1


async def post(flow, _stage, *ids):
    async with api(flow) as client:
        answer = await client.post("/events/bulk", json={"events": [{"name": "a", "id": id} for id in ids]})
    assert answer.status_code == 200


async def put_out(flow, stage, *ids):
    run_id = await add_run(stage, RunStatus.SUCCESS, output={"events": [{"name": "a", "id": id} for id in ids]})
    async with transaction(flow) as work:
        await run_finished(work, run_id)


@pytest.mark.only_on("postgres")
@pytest.mark.parametrize("send_all", [post, put_out], ids=["in one call", "as an output"])
async def test_two_who_send_the_same_events_in_another_order_wait_one_way_only(flow, send_all):
    stage = await set_stage()
    async with transaction(flow) as work:
        await ingest(work, stage.environment, RawEvent("a", id="evt_a"))
        other = asyncio.create_task(send_all(flow, stage, "evt_b", "evt_a"))
        await until_somebody_waits()
        await ingest(work, stage.environment, RawEvent("a", id="evt_b"))
    await other

    assert {event.event_id for event in await every(EventRecord, name="a")} == {"evt_a", "evt_b"}
    assert len(await enqueued(flow, "deliverEvent")) == 2


async def test_many_at_once_with_the_same_id_are_one_event(flow):
    stage = await set_stage()

    ids = await asyncio.gather(*(send(flow, stage) for _ in range(8)))

    assert len(set(ids)) == 1
    assert len(await every(EventRecord)) == 1
    assert len(await enqueued(flow)) == 1


async def test_an_event_that_is_to_be_delivered_later_is_changed_by_sending_it_again(flow):
    stage = await set_stage()
    first = await send(flow, stage, options=LATER)

    again = RawEvent("order.paid", {"total": 6}, {"by": "ada"}, id="evt_1")
    assert await send(flow, stage, again, SendOptions(deliver_after=60)) == first

    record = await one(EventRecord)
    assert (record.payload, record.context) == ({"total": 6}, {"by": "ada"})
    (job,) = await enqueued(flow)
    assert is_for(job, record)
    assert job.run_at < datetime.now(UTC) + timedelta(seconds=61)


async def test_a_rollback_leaves_neither_the_event_nor_its_job(flow):
    stage = await set_stage()

    async def send_and_fail():
        async with transaction(flow) as work:
            await ingest(work, stage.environment, ORDER, SendOptions(account_id="acme"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await send_and_fail()

    assert await every(EventRecord) == await every(ExternalAccount) == []
    assert await enqueued(flow) == []


async def test_the_account_of_an_event_is_added_when_it_is_first_named(flow):
    stage = await set_stage()
    for name in ("a", "b"):
        await send(flow, stage, RawEvent(name), SendOptions(account_id="acme"))

    account = await one(ExternalAccount)
    assert account.identifier == "acme"
    assert {event.external_account_id for event in await every(EventRecord)} == {account.id}


async def cancel(flow, id):
    async with transaction(flow) as work:
        connection = await work.session.connection()
        await cancel_event(await lock_event(work.session, id=id), partial(flow.dequeue, connection=connection))


async def test_a_cancelled_event_is_not_delivered_and_stays_cancelled_when_it_is_sent_again(flow):
    stage = await set_stage()
    id = await send(flow, stage, options=LATER)

    await cancel(flow, id)
    await send(flow, stage, options=LATER)

    assert (await one(EventRecord)).cancelled_at is not None
    (job,) = await enqueued(flow)
    assert job.state == "cancelled"


async def test_an_event_that_was_delivered_cannot_be_cancelled(flow):
    stage = await set_stage()
    id = await send(flow, stage)
    async with transaction(flow) as work:
        (await lock_event(work.session, id=id)).delivered_at = datetime.now(UTC)

    await cancel(flow, id)

    assert (await one(EventRecord)).cancelled_at is None
    (job,) = await enqueued(flow)
    assert job.state == "ready"

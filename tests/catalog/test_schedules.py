"""Schedules and events through the real engine: slots that fire one after the other, and events that become runs."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest

from catalog.app.database import begin
from catalog.app.endpoints import NewEndpoint, add_endpoint
from catalog.app.models import (
    EnvironmentType,
    EventDispatcher,
    EventRecord,
    JobRun,
    RegisteredJob,
    RuntimeEnvironment,
    ScheduleSource,
)
from catalog.app.work import transaction
from catalog.eventing.ingest import RawEvent, ingest
from catalog.eventing.schedules import fire, start_schedule, stop_schedule
from catalog.wire.times import write_time
from kongflow.testing import drain, enqueued
from tests.catalog.index_answer import every as each
from tests.catalog.index_answer import job, on
from tests.catalog.locks import until_somebody_waits
from tests.catalog.servers import http_endpoint
from tests.catalog.stage import every, one, set_stage

pytestmark = pytest.mark.anyio

FIVE_MINUTES = {"type": "interval", "options": {"seconds": 300}}
SCHEDULED = "events.deliverScheduled"


async def add_schedule(flow, stage, schedule=FIVE_MINUTES, **dispatcher):
    async with transaction(flow) as work:
        fired = EventDispatcher(
            events=["dev.trigger.scheduled"],
            source="trigger.dev",
            manual=True,
            dispatchable_id=stage.job,
            dispatchable={"type": "JOB_VERSION", "id": stage.version},
            environment_id=stage.environment,
            **dispatcher,
        )
        source = ScheduleSource(
            key="close-day", schedule={}, dispatcher=fired, environment_id=stage.environment, source_metadata={"of": 1}
        )
        work.session.add(source)
        await start_schedule(work, source, schedule)
        return source.id


async def stop(flow, id):
    async with transaction(flow) as work:
        connection = await work.session.connection()
        source = await work.session.get_one(ScheduleSource, id)
        await stop_schedule(work, source, partial(flow.dequeue, connection=connection))


async def waiting(flow):
    """The jobs of schedules that have not run yet."""
    return [job for job in await enqueued(flow, SCHEDULED) if not job.state.is_final]


async def ended(flow, task):
    """How each attempt of a task ended in a drain."""
    return [end.outcome for end in await drain(flow) if end.task == task]


async def test_each_slot_starts_a_run_and_enqueues_the_next(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)
    assert await drain(flow) == []
    (first,) = await waiting(flow)
    assert (first.queue, first.key) == (f"scheduler:{stage.environment}", f"scheduled:{id}")

    for _slot in range(2):
        flow.store.advance(300)
        assert await ended(flow, SCHEDULED) == ["succeeded"]

    runs = await every(JobRun, job_id=stage.job)
    assert sorted(run.number for run in runs) == [1, 2]
    slots = [job.payload["payload"] for job in await enqueued(flow, SCHEDULED)]
    assert [slot.get("lastTimestamp") for slot in slots] == [None, slots[0]["ts"], slots[1]["ts"]]
    at = [datetime.fromisoformat(slot["ts"]) for slot in slots]
    assert [later - earlier for earlier, later in pairwise(at)] == [timedelta(seconds=300)] * 2
    (next_one,) = await waiting(flow)
    source = await one(ScheduleSource)
    assert (source.last_event_at, source.next_event_at) == (at[1], next_one.run_at)


async def test_the_event_of_a_slot_is_kept_and_not_delivered(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage, {"type": "cron", "options": {"cron": "0 22 * * *"}})
    (slot,) = await waiting(flow)
    flow.store.advance(timedelta(days=1).total_seconds())

    await drain(flow)

    event = await one(EventRecord)
    assert event.name == "dev.trigger.scheduled"
    assert event.event_id == f"{id}:{round(slot.run_at.timestamp() * 1000)}"
    assert (event.payload, event.timestamp) == ({"ts": write_time(slot.run_at)}, slot.run_at)
    assert event.source_context == {"id": "close-day", "metadata": {"of": 1}}
    assert event.delivered_at is not None
    assert (await one(JobRun)).event_id == event.id
    assert await enqueued(flow, "deliverEvent") == []
    (next_one,) = await waiting(flow)
    assert next_one.run_at == slot.run_at + timedelta(days=1)


async def test_a_schedule_that_is_stopped_fires_no_more_until_it_is_started_again(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)

    await stop(flow, id)
    flow.store.advance(3600)
    assert await drain(flow) == []

    async with transaction(flow) as work:
        await start_schedule(work, await work.session.get_one(ScheduleSource, id), FIVE_MINUTES)
    assert len(await waiting(flow)) == 1


async def test_a_slot_of_a_schedule_that_was_stopped_meanwhile_does_nothing(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)
    await stop(flow, id)

    await flow.enqueue(SCHEDULED, {"id": id, "payload": {"ts": "2026-01-31T12:00:00Z"}}, queue="scheduler:x")
    await drain(flow)

    assert await every(JobRun) == await every(EventRecord) == await waiting(flow) == []


@pytest.mark.only_on("postgres")
async def test_a_schedule_that_is_stopped_while_it_fires_leaves_no_job(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)
    await flow.dequeue(f"scheduled:{id}")

    async with transaction(flow) as work:
        await fire(work, id, datetime(2026, 1, 31, 12, tzinfo=UTC), None, logging.getLogger())
        stopping = asyncio.create_task(stop(flow, id))
        await until_somebody_waits()
    await stopping

    assert await waiting(flow) == []


async def test_a_slot_that_is_run_again_starts_nothing_twice(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)
    slot = {"id": id, "payload": {"ts": "2026-01-31T12:00:00.000Z"}}
    for _ in range(2):
        await flow.enqueue(SCHEDULED, slot, queue="scheduler:x")

    assert await ended(flow, SCHEDULED) == ["succeeded", "succeeded"]

    assert len(await every(JobRun, job_id=stage.job)) == 1
    assert len(await waiting(flow)) == 1


async def test_a_disabled_dispatcher_starts_no_run_and_the_schedule_goes_on(flow):
    stage = await set_stage()
    await add_schedule(flow, stage, enabled=False)
    flow.store.advance(300)

    assert await ended(flow, SCHEDULED) == ["succeeded"]

    assert await every(JobRun) == []
    assert len(await waiting(flow)) == 1


async def test_starting_a_schedule_that_goes_on_changes_nothing_and_brings_back_a_job_that_was_lost(flow):
    stage = await set_stage()
    id = await add_schedule(flow, stage)
    (before,) = await waiting(flow)

    async def start():
        async with transaction(flow) as work:
            await start_schedule(work, await work.session.get_one(ScheduleSource, id), FIVE_MINUTES)
        return await waiting(flow)

    assert [job.id for job in await start()] == [before.id]
    await flow.dequeue(f"scheduled:{id}")
    assert len(await start()) == 1


async def test_an_unknown_schedule_fails_at_once(flow):
    job = await flow.enqueue(
        SCHEDULED, {"id": "sch_none", "payload": {"ts": "2026-01-31T12:00:00Z"}}, queue="scheduler:x"
    )

    await drain(flow)

    assert (await flow.get(job.id)).reason == "gave_up"


# --- from an index to runs ---


async def indexed(flow, endpoint, *jobs):
    """Index an endpoint that offers these jobs, and return its environment."""
    new = NewEndpoint(endpoint.url, "tr_prod_1", "shop", EnvironmentType.PRODUCTION, "shop", "acme")
    endpoint.says({"jobs": list(jobs)})
    async with begin() as session:
        id = await add_endpoint(session, new)
    await flow.enqueue("indexEndpoint", {"id": id})
    assert await ended(flow, "indexEndpoint") == ["succeeded"]
    return (await one(RuntimeEnvironment)).id


async def test_an_event_becomes_a_run_of_each_job_that_listens_for_it(flow):
    async with http_endpoint() as endpoint:
        environment = await indexed(
            flow,
            endpoint,
            job("all", on("user.created")),
            job("pro", on("user.created", payload={"plan": ["pro"]})),
            job("free", on("user.created", payload={"plan": ["free"]})),
        )
        async with transaction(flow) as work:
            await ingest(work, environment, RawEvent("user.created", {"plan": "pro"}))
        endpoint.says({"status": "SUCCESS", "output": {"hello": "u1"}})

        await drain(flow)

    slugs = {row.id: row.slug for row in await every(RegisteredJob)}
    assert {slugs[run.job_id]: run.status for run in await every(JobRun)} == {"all": "SUCCESS", "pro": "SUCCESS"}


async def test_a_job_that_is_gone_from_the_index_is_not_fired_any_more(flow):
    async with http_endpoint() as endpoint:
        await indexed(flow, endpoint, job("close", each("interval", seconds=300)))
        assert len(await waiting(flow)) == 1

        await indexed(flow, endpoint)

    assert await waiting(flow) == []
    (job_of_schedule,) = await enqueued(flow, SCHEDULED)
    assert job_of_schedule.state == "cancelled"

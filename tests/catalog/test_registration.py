"""What an index means for the tables: queues, integrations, schedules, and who waits for whom."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from catalog.app.database import begin
from catalog.app.endpoints import load_endpoint
from catalog.app.models import (
    EventRecord,
    Integration,
    JobAlias,
    JobIntegration,
    JobQueue,
    JobRun,
    JobVersion,
    RegisteredJob,
    RuntimeEnvironment,
    ScheduleSource,
)
from catalog.app.work import Work
from catalog.indexing.index import read_index
from catalog.indexing.registration import MAX_ISSUES, store_index
from catalog.running.create import create_run
from catalog.running.slots import take_slot
from tests.catalog.fake_job import FakeTransaction
from tests.catalog.index_answer import every as each
from tests.catalog.index_answer import job, on
from tests.catalog.indexed import CLOSE, GREET, dispatcher, endpoint, index, version_statuses
from tests.catalog.locks import until_somebody_waits
from tests.catalog.stage import every, one

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_what_an_endpoint_with_the_sdk_2_3_18_listed_is_registered():
    recorded = json.loads((Path(__file__).parent / "recorded_index.json").read_text())

    stats, _ = await index(await endpoint(), *recorded["jobs"])

    assert (stats["jobs"], stats["disabledJobs"], stats["issues"]) == (11, 1, [])
    orders = await dispatcher("io-job")
    assert (orders.events, orders.source, orders.manual) == (["order.paid", "order.refunded"], "shop", False)
    assert (await dispatcher("no-io-job")).payload_filter == {"plan": ["pro"]}
    for scheduled in ("cron-job", "interval-job"):
        manual = await dispatcher(scheduled)
        assert (manual.manual, (await one(ScheduleSource, dispatcher_id=manual.id)).active) == (True, True)
    assert await dispatcher("disabled-job") is None
    assert sorted((alias.name, alias.value) for alias in await every(JobAlias)) == (
        [("latest", "0.1.0")] + [("latest", "1.0.0")] * 10
    )
    assert {queue.name: queue.max_jobs for queue in await every(JobQueue)} == {"default": 100, "job:io-job": 3}


# --- a job ---


async def test_jobs_share_a_queue_or_have_a_limit_of_their_own_and_a_new_limit_holds():
    shop = await endpoint()
    await index(shop, GREET, job("slow", on("a"), queue={"name": "slow", "maxConcurrent": 2}))
    await index(
        shop,
        job("own", on("c"), concurrencyLimit=3),
        job("slow", on("a"), queue={"name": "slow", "maxConcurrent": 5}),
        job("slower", on("b"), queue="slow"),
    )

    limits = {queue.name: queue.max_jobs for queue in await every(JobQueue)}
    assert limits == {"default": 100, "job:own": 3, "slow": 100}, "the last that names the queue says its limit"
    queues = {version.queue_id for version in await every(JobVersion)}
    assert len(queues) == 3


async def test_a_version_keeps_the_properties_of_its_trigger():
    properties = [{"label": "Plan", "text": "pro"}]
    await index(await endpoint(), job("a", on("x") | {"properties": properties}))

    assert (await one(JobVersion)).properties == properties


async def test_integrations_are_shared_by_the_jobs_of_an_organization_and_those_that_are_gone_are_unlinked():
    shop = await endpoint()
    mail = {"id": "resend", "metadata": {"id": "resend", "name": "Resend"}, "authSource": "LOCAL"}
    chat = {"id": "slack", "authSource": "HOSTED"}
    await index(
        shop, job("a", on("x"), integrations={"mail": mail, "chat": chat}), job("b", on("x"), integrations={"m": mail})
    )
    assert len(await every(JobIntegration)) == 3

    await index(shop, job("a", on("x"), integrations={"mail": mail}), job("b", on("x"), integrations={"m": mail}))

    titles = {each.slug: (each.title, each.auth_source) for each in await every(Integration)}
    assert titles == {"resend": ("Resend", "LOCAL"), "slack": ("slack", "HOSTED")}
    assert sorted(each.key for each in await every(JobIntegration)) == ["m", "mail"]


async def test_a_job_that_the_database_refuses_is_named_and_costs_no_other():
    bad = "new.version = '6.6.6'"
    refuse = f"create trigger no before insert on job_versions when {bad} begin select raise(abort, 'no'); end"
    async with begin() as session:
        if session.get_bind().dialect.name == "postgresql":
            refuse = "alter table app.job_versions add constraint no check (version <> '6.6.6')"
        await session.execute(text(refuse))
    shop = await endpoint()

    stats, _ = await index(shop, job("bad", on("x"), version="6.6.6"), GREET)

    assert (stats["jobs"], stats["rejectedJobs"]) == (1, 1)
    (issue,) = stats["issues"]
    assert issue.startswith('Job "bad": the database refuses it: ')
    assert [each.slug for each in await every(RegisteredJob)] == ["greet"], "nothing of the other is there"


@pytest.mark.only_on("postgres")
async def test_a_job_that_is_too_much_for_an_index_of_the_database_costs_no_other():
    async with begin() as session:
        await session.execute(text("create index on app.jobs (title)"))
    # What is random cannot be made smaller.
    title = random.Random(1).randbytes(9000).hex()

    stats, _ = await index(await endpoint(), job("bad", on("x"), name=title), GREET)

    assert (stats["jobs"], stats["rejectedJobs"]) == (1, 1)
    assert stats["issues"][0].startswith('Job "bad": the database refuses it: index row ')
    assert [each.slug for each in await every(RegisteredJob)] == ["greet"]


async def test_an_index_keeps_only_so_many_issues():
    stats, _ = await index(await endpoint(), *(job(f"{n}", on("x"), version=5) for n in range(MAX_ISSUES + 5)))

    assert (stats["rejectedJobs"], len(stats["issues"])) == (MAX_ISSUES + 5, MAX_ISSUES)


# --- schedules ---


async def test_a_scheduled_job_gets_an_active_schedule_and_the_job_of_its_next_event():
    before = datetime.now(UTC)
    _, done = await index(await endpoint(), CLOSE, job("watch", each("interval", seconds=300)))

    sources = {source.schedule["type"]: source for source in await every(ScheduleSource)}
    cron, interval = sources["cron"], sources["interval"]
    assert cron.active
    assert cron.schedule == {"type": "cron", "options": {"cron": "0 22 * * *"}}
    assert (cron.key, cron.dispatcher_id) == (
        (await dispatcher("close")).dispatchable_id,
        (await dispatcher("close")).id,
    )
    assert (cron.next_event_at.hour, cron.last_event_at) == (22, None)
    assert timedelta(seconds=299) < interval.next_event_at - before < timedelta(seconds=400)
    ((task, payload, options), _) = done.enqueued
    assert task == "events.deliverScheduled"
    assert payload == {"id": cron.id, "payload": {"ts": f"{cron.next_event_at:%Y-%m-%dT22:00:00.000Z}"}}
    assert options == {
        "run_at": cron.next_event_at,
        "queue": f"scheduler:{cron.environment_id}",
        "job_key": f"scheduled:{cron.id}",
        "job_key_mode": "replace",
    }


async def test_a_schedule_that_goes_on_keeps_its_job_and_one_that_changes_gets_another():
    shop = await endpoint()
    await index(shop, CLOSE)

    _, again = await index(shop, CLOSE)
    _, changed = await index(shop, job("close", each("cron", cron="0 23 * * *")))

    assert [options["job_key_mode"] for _, _, options in again.enqueued] == ["unsafe_dedupe"]
    assert [options["job_key_mode"] for _, _, options in changed.enqueued] == ["replace"]
    assert (await one(ScheduleSource)).next_event_at.hour == 23


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("61 * * * *", "'61 * * * *' is no cron line: Bad minute"),
        ("0 0 */30 2 MON#5", "'0 0 */30 2 MON#5' never comes"),
        ("@daily", "'@daily' is no cron line: it has five fields, from the minute to the day of the week"),
    ],
)
async def test_a_cron_line_that_is_none_is_an_issue_of_its_job(line, problem):
    stats, done = await index(await endpoint(), job("close", each("cron", cron=line)), GREET)

    assert stats["issues"] == [f'Job "close": {problem} at "trigger.schedule"']
    assert (stats["jobs"], stats["rejectedJobs"]) == (1, 1)
    assert await every(ScheduleSource) == done.enqueued == []
    assert await dispatcher("close") is None


async def test_a_job_that_becomes_broken_stays_as_it_was():
    shop = await endpoint()
    await index(shop, CLOSE)

    await index(shop, job("close", each("cron", cron="61 * * * *"), version="2.0.0"))

    assert await version_statuses() == {"1.0.0": "ACTIVE"}
    source = await one(ScheduleSource)
    assert (source.active, source.schedule["options"]) == (True, {"cron": "0 22 * * *"})


async def test_a_job_that_changes_its_trigger_is_started_by_the_new_one_alone():
    shop = await endpoint()
    await index(shop, CLOSE)
    source = await one(ScheduleSource)

    _, done = await index(shop, job("close", on("day.over")))
    assert done.dequeued == [f"scheduled:{source.id}"]
    assert await every(ScheduleSource) == []
    assert ((await dispatcher("close")).events, (await dispatcher("close")).manual) == (["day.over"], False)

    await index(shop, job("close", {"type": "invoke"}))
    assert await dispatcher("close") is None

    await index(shop, CLOSE)
    assert ((await dispatcher("close")).manual, (await one(ScheduleSource)).active) == (True, True)


# --- several at once ---


@pytest.mark.only_on("postgres")
async def test_two_indexes_of_one_organization_take_turns():
    first, second = await endpoint("first"), await endpoint("second", project="warehouse")

    async with begin() as session:
        work = Work(session, FakeTransaction(await session.connection()).enqueue)
        known, offer = await load_endpoint(session, first), read_index({"jobs": [GREET]})
        await store_index(work, FakeTransaction(await session.connection()).dequeue, known, offer, source="INTERNAL")
        other = asyncio.create_task(index(second, GREET, CLOSE))
        await until_somebody_waits()

    stats, _ = await other
    assert (stats["jobs"], stats["issues"]) == (2, [])


@pytest.mark.only_on("postgres")
async def test_who_adds_a_run_of_another_job_does_not_wait_for_an_index():
    shop = await endpoint()
    await index(shop, GREET, CLOSE)
    greet = await one(RegisteredJob, slug="greet")
    version = await one(JobVersion, job_id=greet.id)

    async with begin() as session, begin() as beside:
        transaction = FakeTransaction(await session.connection())
        known, offer = await load_endpoint(session, shop), read_index({"jobs": [CLOSE]})
        await store_index(Work(session, transaction.enqueue), transaction.dequeue, known, offer, source="INTERNAL")
        await beside.execute(text("set local lock_timeout = '30s'"))
        event = EventRecord(event_id="evt_1", name="customer.created", environment_id=known.environment_id)
        beside.add(event)
        await beside.flush()
        run = await create_run(Work(beside, FakeTransaction(await beside.connection()).enqueue), version, event)

    assert (await one(JobRun)).id == run.id


@pytest.mark.only_on("postgres")
async def test_who_adds_runs_of_several_jobs_and_an_index_of_them_wait_one_way_only():
    shop = await endpoint()
    offered = {slug: job(slug, {"type": "dynamic", "id": "catalogue"}) for slug in ("a", "b")}
    await index(shop, *offered.values())
    first, last = await every(RegisteredJob)

    async with begin() as session:
        work = Work(session, FakeTransaction(await session.connection()).enqueue)
        event = EventRecord(event_id="evt_1", name="x", environment_id=(await one(RuntimeEnvironment)).id)
        session.add(event)
        await session.flush()
        await create_run(work, await one(JobVersion, job_id=first.id), event)
        other = asyncio.create_task(index(shop, offered[last.slug], offered[first.slug]))
        await until_somebody_waits()
        await create_run(work, await one(JobVersion, job_id=last.id), event)

    stats, _ = await other
    assert (stats["jobs"], len(await every(JobRun))) == (2, 2)


@pytest.mark.only_on("postgres")
async def test_who_holds_an_integration_and_takes_a_slot_then_never_waits_for_an_index_that_waits_for_him():
    shop = await endpoint()
    chat = {"chat": {"id": "slack", "authSource": "HOSTED"}}
    offered = [job("a", on("x"), queue="first", integrations=chat), job("b", on("x"), queue="second")]
    await index(shop, *offered)
    slack, queue = await one(Integration), await one(JobQueue, name="second")

    async with begin() as session:
        await session.execute(select(Integration.id).where(Integration.id == slack.id).with_for_update())
        other = asyncio.create_task(index(shop, *reversed(offered)))
        await until_somebody_waits()
        assert await take_slot(session, queue.id)

    stats, _ = await other
    assert (stats["jobs"], (await one(JobQueue, name="second")).job_count) == (2, 1)

"""What an index means for the tables: queues, integrations, schedules, dynamic triggers, and what is gone."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from catalog.app.database import begin
from catalog.app.endpoints import NewEndpoint, add_endpoint, load_endpoint
from catalog.app.models import (
    DynamicTrigger,
    EnvironmentType,
    EventDispatcher,
    EventRecord,
    Integration,
    JobAlias,
    JobIntegration,
    JobQueue,
    JobRun,
    JobVersion,
    RegisteredJob,
    ScheduleSource,
)
from catalog.app.models.events import dynamic_trigger_jobs
from catalog.app.work import Work
from catalog.indexing.index import read_index
from catalog.indexing.registration import MAX_ISSUES, store_index
from catalog.running.create import create_run
from tests.catalog.fake_job import FakeTransaction
from tests.catalog.index_answer import every as each
from tests.catalog.index_answer import job, on
from tests.catalog.locks import until_somebody_waits
from tests.catalog.stage import every, one

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

GREET = job("greet", on("customer.created"))
CLOSE = job("close", each("cron", cron="0 22 * * *"))


async def endpoint(slug="shop"):
    new = NewEndpoint("http://127.0.0.1/api", f"tr_{slug}", slug, EnvironmentType.PRODUCTION, "shop", "acme")
    async with begin() as session:
        return await add_endpoint(session, new)


async def index(endpoint_id, *jobs, **lists):
    """Store an index of these jobs; return its stats and what was done with jobs of KongFlow."""
    async with begin() as session:
        transaction = FakeTransaction(await session.connection())
        known = await load_endpoint(session, endpoint_id)
        stored = await store_index(
            Work(session, transaction.enqueue),
            transaction.dequeue,
            known,
            read_index({"jobs": list(jobs), **lists}),
            source="INTERNAL",
        )
        return stored.stats, transaction


async def dispatcher(slug):
    async with begin() as session:
        found = select(EventDispatcher).join(RegisteredJob, RegisteredJob.id == EventDispatcher.dispatchable_id)
        return (await session.scalars(found.where(RegisteredJob.slug == slug))).one_or_none()


async def version_statuses():
    return {version.version: version.status for version in await every(JobVersion)}


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


# --- what is gone ---


@pytest.mark.parametrize("offered", [[], [CLOSE | {"enabled": False}]], ids=["not listed", "disabled"])
async def test_a_job_that_is_gone_or_disabled_is_disabled_and_enabled_when_it_comes_back(offered):
    shop = await endpoint()
    await index(shop, GREET, CLOSE)
    source = await one(ScheduleSource)

    stats, gone = await index(shop, GREET, *offered)

    assert (stats["jobs"], stats["disabledJobs"]) == (1, len(offered))
    statuses = {version.trigger["type"]: version.status for version in await every(JobVersion)}
    assert statuses == {"static": "ACTIVE", "scheduled": "DISABLED"}
    assert ((await dispatcher("greet")).enabled, (await dispatcher("close")).enabled) == (True, False)
    stopped = await one(ScheduleSource)
    assert (stopped.active, stopped.next_event_at) == (False, None)
    assert gone.dequeued == [f"scheduled:{source.id}"]

    _, back = await index(shop, GREET, CLOSE)

    assert {version.status for version in await every(JobVersion)} == {"ACTIVE"}
    assert (await dispatcher("close")).enabled
    assert (await one(ScheduleSource)).active
    assert [options["job_key_mode"] for _, _, options in back.enqueued] == ["replace"]


async def test_a_job_that_comes_back_in_a_new_version_is_enabled_too():
    shop = await endpoint()
    await index(shop, GREET)
    await index(shop)

    await index(shop, GREET | {"version": "2.0.0"})

    assert (await dispatcher("greet")).enabled
    assert await version_statuses() == {"1.0.0": "DISABLED", "2.0.0": "ACTIVE"}
    assert (await one(JobAlias)).value == "2.0.0"


async def test_a_job_that_another_endpoint_offers_too_goes_on_there():
    first, second = await endpoint("first"), await endpoint("second")
    await index(first, GREET | {"version": "2.0.0"})
    await index(second, GREET)
    assert (await one(JobAlias)).value == "2.0.0"

    await index(first)

    assert await version_statuses() == {"1.0.0": "ACTIVE", "2.0.0": "DISABLED"}
    assert (await one(JobAlias)).value == "1.0.0"
    assert (await dispatcher("greet")).enabled, "it starts the version of the second endpoint"


async def test_of_two_versions_that_are_as_high_the_newest_is_latest():
    shop = await endpoint()
    for version in ("1.0.0+9", "1.0.0+10", "1.0.0+9"):
        await index(shop, GREET | {"version": version})

    assert (await one(JobAlias)).value == "1.0.0+9"


# --- dynamic triggers and schedules ---

IMPORT = job("import", {"type": "dynamic", "id": "catalogue"})
LISTED = {"id": "catalogue", "jobs": [{"id": "import", "version": "1.0.0"}, {"id": "none", "version": "1.0.0"}]}


async def linked():
    async with begin() as session:
        return (await session.execute(select(dynamic_trigger_jobs.c.job_id))).scalars().all()


async def test_a_dynamic_trigger_starts_those_of_its_jobs_that_the_endpoint_offers():
    stats, _ = await index(await endpoint(), IMPORT, GREET, dynamicTriggers=[LISTED], dynamicSchedules=[LISTED])

    assert (stats["dynamicTriggers"], stats["dynamicSchedules"], stats["issues"]) == (1, 1, [])
    imports = await one(RegisteredJob, slug="import")
    assert await linked() == [imports.id, imports.id]
    schedule = await one(DynamicTrigger, type="SCHEDULE")
    fired = await one(EventDispatcher, dispatchable_id=schedule.id)
    assert (fired.manual, fired.events) == (True, ["dev.trigger.scheduled"])
    assert fired.dispatchable == {"type": "DYNAMIC_TRIGGER", "id": schedule.id}


async def test_a_dynamic_trigger_unlinks_the_jobs_that_it_does_not_list_any_more():
    shop = await endpoint()
    await index(shop, IMPORT, GREET, dynamicTriggers=[LISTED])

    await index(shop, IMPORT, GREET, dynamicTriggers=[{"id": "catalogue", "jobs": [{"id": "greet"}]}])

    assert await linked() == [(await one(RegisteredJob, slug="greet")).id]


async def test_a_dynamic_schedule_that_is_gone_starts_nothing_and_goes_on_when_it_comes_back():
    shop = await endpoint()
    await index(shop, IMPORT, dynamicSchedules=[LISTED])
    trigger = await one(DynamicTrigger)
    fired = await one(EventDispatcher)
    async with begin() as session:
        source = ScheduleSource(
            key="tenant-1",
            schedule={"type": "interval", "options": {"seconds": 300}},
            active=True,
            dispatcher_id=fired.id,
            dynamic_trigger_id=trigger.id,
            environment_id=fired.environment_id,
        )
        session.add(source)

    _, gone = await index(shop, IMPORT)
    assert gone.dequeued == [f"scheduled:{source.id}"]
    assert ((await one(EventDispatcher)).enabled, await linked()) == (False, [])
    _, gone_still = await index(shop, IMPORT)
    assert gone_still.dequeued == []

    _, back = await index(shop, IMPORT, dynamicSchedules=[LISTED])
    assert [payload["id"] for _, payload, _ in back.enqueued] == [source.id]
    assert ((await one(EventDispatcher)).enabled, len(await linked())) == (True, 1)


async def test_a_dispatcher_that_somebody_disabled_stays_so_when_a_new_version_comes():
    shop = await endpoint()
    await index(shop, GREET)
    async with begin() as session:
        await session.execute(update(EventDispatcher).values(enabled=False))

    await index(shop, GREET | {"version": "2.0.0"})

    assert not (await dispatcher("greet")).enabled


@pytest.mark.only_on("postgres")
async def test_two_indexes_of_one_project_take_turns():
    first, second = await endpoint("first"), await endpoint("second")

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

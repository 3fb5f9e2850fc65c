"""What is gone from an index and what comes back: jobs, and dynamic triggers and schedules."""

import pytest
from sqlalchemy import select, update

from catalog.app.database import begin
from catalog.app.models import (
    DynamicTrigger,
    EventDispatcher,
    JobAlias,
    JobVersion,
    RegisteredJob,
    ScheduleSource,
)
from catalog.app.models.events import dynamic_trigger_jobs
from tests.catalog.index_answer import every as each
from tests.catalog.index_answer import job, on
from tests.catalog.indexed import CLOSE, GREET, dispatcher, endpoint, index, version_statuses
from tests.catalog.stage import every, one

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

# --- jobs ---


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


async def test_a_version_that_another_endpoint_offers_too_goes_on_there():
    first, second = await endpoint("first"), await endpoint("second")
    await index(first, GREET)
    await index(second, GREET)

    await index(second)

    version = await one(JobVersion)
    assert (version.status, version.endpoint_id) == ("ACTIVE", first)
    assert (await dispatcher("greet")).enabled


async def test_a_version_that_the_other_endpoint_does_not_offer_any_more_is_disabled():
    first, second = await endpoint("first"), await endpoint("second")
    await index(first, GREET)
    await index(first, GREET | {"enabled": False})
    await index(second, GREET)

    await index(second)

    assert (await one(JobVersion)).status == "DISABLED"


async def test_what_is_offered_elsewhere_is_started_as_its_version_there_says():
    first, second = await endpoint("first"), await endpoint("second")
    await index(second, job("greet", on("customer.created"), version="1.1.0"))
    await index(first, job("greet", on("customer.changed"), version="1.0.0"))

    await index(first)

    starts = await dispatcher("greet")
    assert (starts.enabled, starts.events) == (True, ["customer.created"])
    assert starts.dispatchable["id"] == (await one(JobVersion, version="1.1.0")).id


async def test_a_schedule_that_is_offered_elsewhere_fires_as_its_version_there_says():
    first, second = await endpoint("first"), await endpoint("second")
    await index(second, job("close", each("cron", cron="0 23 * * *"), version="1.1.0"))
    await index(first, CLOSE)

    _, gone = await index(first)

    source = await one(ScheduleSource)
    assert (source.active, source.schedule["options"]) == (True, {"cron": "0 23 * * *"})
    assert [(payload["id"], options["job_key_mode"]) for _, payload, options in gone.enqueued] == [
        (source.id, "replace")
    ]
    assert (await dispatcher("close")).dispatchable["id"] == (await one(JobVersion, version="1.1.0")).id


async def test_a_job_that_is_offered_elsewhere_for_an_event_has_no_schedule_any_more():
    first, second = await endpoint("first"), await endpoint("second")
    await index(second, job("close", on("day.over"), version="1.1.0"))
    await index(first, CLOSE)
    source = await one(ScheduleSource)

    _, gone = await index(first)

    assert (await every(ScheduleSource), gone.dequeued) == ([], [f"scheduled:{source.id}"])
    starts = await dispatcher("close")
    assert (starts.enabled, starts.manual, starts.events) == (True, False, ["day.over"])


async def test_a_job_that_nothing_started_here_listens_as_its_version_elsewhere_does():
    first, second = await endpoint("first"), await endpoint("second")
    await index(second, job("greet", on("customer.created"), version="1.1.0"))
    await index(first, job("greet", {"type": "invoke"}))
    assert await dispatcher("greet") is None

    await index(first)

    starts = await dispatcher("greet")
    assert (starts.enabled, starts.events) == (True, ["customer.created"])


async def test_a_dispatcher_that_somebody_disabled_stays_so_when_its_job_goes_on_elsewhere():
    first, second = await endpoint("first"), await endpoint("second")
    await index(second, GREET | {"version": "1.1.0"})
    await index(first, GREET)
    async with begin() as session:
        await session.execute(update(EventDispatcher).values(enabled=False))

    await index(first)

    assert not (await dispatcher("greet")).enabled


async def test_of_two_versions_that_are_as_high_the_newest_is_latest():
    shop = await endpoint()
    for version in ("1.0.0+9", "1.0.0+10", "1.0.0+9"):
        await index(shop, GREET | {"version": version})

        assert (await one(JobAlias)).value == version


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


async def test_a_dynamic_trigger_does_not_start_the_jobs_of_another_endpoint():
    await index(await endpoint("other"), GREET)

    await index(await endpoint(), IMPORT, dynamicTriggers=[{"id": "catalogue", "jobs": [{"id": "greet"}]}])

    assert await linked() == []


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


async def test_a_dynamic_schedule_without_jobs_is_offered_all_the_same():
    shop = await endpoint()
    empty = {"id": "catalogue", "jobs": []}
    await index(shop, dynamicSchedules=[empty])
    async with begin() as session:
        await session.execute(update(EventDispatcher).values(enabled=False))

    await index(shop, dynamicSchedules=[empty])
    assert not (await one(EventDispatcher)).enabled, "somebody has disabled it"

    await index(shop)
    assert not (await one(DynamicTrigger)).offered


async def test_a_dispatcher_that_somebody_disabled_stays_so_when_a_new_version_comes():
    shop = await endpoint()
    await index(shop, GREET)
    async with begin() as session:
        await session.execute(update(EventDispatcher).values(enabled=False))

    await index(shop, GREET | {"version": "2.0.0"})

    assert not (await dispatcher("greet")).enabled

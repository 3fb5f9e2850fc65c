"""deliverEvent and events.invokeDispatcher: which dispatchers get an event, and which runs they start."""

import logging
from datetime import UTC, datetime

import pytest

from catalog.app.database import begin
from catalog.app.models import (
    DynamicTrigger,
    DynamicTriggerType,
    EventDispatcher,
    EventRecord,
    ExternalAccount,
    JobAlias,
    JobRun,
    JobVersion,
    RegisteredJob,
    RunStatus,
    RuntimeEnvironment,
    VersionStatus,
)
from catalog.app.models.events import dynamic_trigger_jobs
from catalog.eventing import delivery
from catalog.events import deliver_event, invoke_dispatcher
from kongflow import GiveUp
from tests.catalog.fake_job import FakeJob
from tests.catalog.stage import add_event, every, keys, one, set_stage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def add(row):
    async with begin() as session:
        session.add(row)
        await session.flush()
        return row.id


async def listen(stage, name, **columns):
    """Add a dispatcher for order.paid, and return its id; `name` is what it says it starts."""
    columns = {
        "events": ["order.paid"],
        "source": "trigger.dev",
        "manual": False,
        "environment_id": stage.environment,
        "dispatchable": {"type": "JOB_VERSION", "id": stage.version},
        **columns,
    }
    return await add(EventDispatcher(dispatchable_id=name, **columns))


async def deliver(event_id):
    """Deliver an event, and return the dispatchers that get it."""
    job = FakeJob()
    await deliver_event({"id": event_id}, job)
    assert job.results == [{"dispatchers": len(job.enqueued)}]
    assert {(task, payload["eventRecordId"]) for task, payload, _ in job.enqueued} <= {
        ("events.invokeDispatcher", event_id)
    }
    return {payload["id"] for _, payload, _ in job.enqueued}


async def invoke(dispatcher, event):
    job = FakeJob()
    await invoke_dispatcher({"id": dispatcher, "eventRecordId": event}, job)
    return job


async def test_an_event_goes_to_the_dispatchers_that_listen_for_it_and_whose_filter_it_passes():
    stage, elsewhere = await set_stage(), await set_stage(slug="elsewhere")
    passes = await listen(stage, "A", payload_filter={"plan": ["pro"]})
    await listen(stage, "B", payload_filter={"plan": ["free"]})
    unfiltered = await listen(stage, "C", events=["order.refunded", "order.paid"])
    await listen(stage, "D", enabled=False)
    await listen(stage, "E", manual=True)
    await listen(stage, "F", source="shop")
    await listen(elsewhere, "G")
    await listen(stage, "H", events=["order.refunded"])
    await listen(stage, "I", context_filter={"country": ["NL"]})
    event = await add_event(stage, payload={"plan": "pro"})

    assert await deliver(event) == {passes, unfiltered}

    assert (await one(EventRecord)).delivered_at is not None


async def test_an_event_that_nobody_wants_is_not_delivered_and_its_job_succeeds():
    stage = await set_stage()
    await listen(stage, "B", payload_filter={"plan": ["free"]})
    event = await add_event(stage, payload={"plan": "pro"})

    assert await deliver(event) == set()

    assert (await one(EventRecord)).delivered_at is None


async def test_an_event_is_delivered_once():
    stage = await set_stage()
    await listen(stage, "A")
    event = await add_event(stage)

    assert len(await deliver(event)) == 1
    assert await deliver(event) == set()


async def test_a_cancelled_event_is_not_delivered():
    stage = await set_stage()
    await listen(stage, "A")
    event = await add_event(stage, cancelled_at=datetime(2026, 1, 31, tzinfo=UTC))

    assert await deliver(event) == set()

    assert (await one(EventRecord)).delivered_at is None


async def test_an_unknown_event_fails():
    with pytest.raises(GiveUp, match="there is no event 'evr_none'"):
        await deliver("evr_none")


async def test_the_filters_of_all_who_listen_have_one_bound_and_who_is_beyond_it_is_told_of(monkeypatch, caplog):
    monkeypatch.setattr(delivery, "MAX_STEPS", 450)
    stage = await set_stage()
    for name in "ABC":
        await listen(stage, name, payload_filter={"items": {"size": ["xl"]}})
    event = await add_event(stage, payload={"items": [{}] * 98 + [{"size": "xl"}]})

    assert len(await deliver(event)) == 1

    assert caplog.text.count("the filters of all who listen take more than 450 steps") == 2


async def test_a_filter_that_is_none_gets_no_event_and_is_told_of(caplog):
    stage = await set_stage()
    broken = await listen(stage, "A", payload_filter={"plan": "pro"})
    event = await add_event(stage, payload={"plan": "pro"})

    assert await deliver(event) == set()

    assert f"the dispatcher {broken} gets no event, for its filter cannot be used" in caplog.text
    assert "'plan' must be a list or an object" in caplog.text


async def test_a_dispatcher_of_an_account_gets_the_events_of_that_account_alone():
    stage = await set_stage()
    ours, theirs = [
        await add(ExternalAccount(identifier=each, environment_id=stage.environment)) for each in ("ours", "theirs")
    ]
    dispatcher = await listen(stage, "A", external_account_id=ours)

    assert await deliver(await add_event(stage, "evt_1", external_account_id=ours)) == {dispatcher}
    assert await deliver(await add_event(stage, "evt_2", external_account_id=theirs)) == set()
    assert await deliver(await add_event(stage, "evt_3")) == set()


async def test_a_dispatcher_of_a_version_starts_one_run_of_it_with_the_next_number():
    stage = await set_stage(preprocess_runs=True)
    dispatcher = await listen(stage, "A")
    event = await add_event(stage, is_test=True)

    jobs = [await invoke(dispatcher, event) for _ in range(2)]

    first, second = sorted(await every(JobRun), key=lambda run: run.number)
    assert (first.number, second.number) == (1, 2)
    assert (second.status, second.version_id, second.event_id) == (RunStatus.PENDING, stage.version, event)
    assert (second.preprocess, second.is_test) == (True, True)
    assert jobs[1].results == [{"runs": [second.id]}]
    ((task, payload, options),) = jobs[1].enqueued
    assert (task, payload, options["queue"]) == ("startRun", {"id": second.id}, f"job-queue:{stage.queue}")


@pytest.mark.parametrize(
    "columns",
    [
        {"enabled": False},
        {"dispatchable": {"type": "X"}},
        {"dispatchable": {"type": "X", "id": "ver_1"}},
        {"dispatchable": {"type": "JOB_VERSION", "id": 5}},
        {"dispatchable": []},
    ],
)
async def test_a_dispatcher_that_is_disabled_or_cannot_be_read_starts_nothing_and_its_job_succeeds(columns, caplog):
    stage = await set_stage()
    dispatcher = await listen(stage, "A", **columns)

    job = await invoke(dispatcher, await add_event(stage))

    assert (job.results, job.enqueued) == ([{"runs": []}], [])
    assert await every(JobRun) == []
    assert (f"the dispatcher {dispatcher} starts something" in caplog.text) is ("dispatchable" in columns)


@pytest.mark.parametrize("missing", ["dispatcher", "event", "version", "dynamic trigger"])
async def test_what_is_not_there_fails_by_name(missing):
    stage = await set_stage()
    event = await add_event(stage)
    kinds = {"version": "JOB_VERSION", "dynamic trigger": "DYNAMIC_TRIGGER"}
    starts = {"type": kinds.get(missing, "JOB_VERSION"), "id": "none" if missing in kinds else stage.version}
    dispatcher = await listen(stage, "A", dispatchable=starts)

    with pytest.raises(GiveUp, match=f"there is no {missing} "):
        await invoke("none" if missing == "dispatcher" else dispatcher, "none" if missing == "event" else event)

    assert await every(JobRun) == []


async def add_job(stage, slug, *, latest=True, status=VersionStatus.ACTIVE):
    """Add another job of the stage's endpoint in two versions, and return its id and that of the newest version."""
    async with begin() as session:
        job = RegisteredJob(slug=slug, title=slug, internal=False, project_id=stage.project)
        session.add(job)
        await session.flush()
        for number in ("1.0.0", "2.0.0"):
            version = JobVersion(
                version=number,
                status=status,
                job_id=job.id,
                environment_id=stage.environment,
                endpoint_id=stage.endpoint,
                queue_id=stage.queue,
                event_specification={},
                trigger={"type": "dynamic", "id": "orders"},
                start_position="LATEST",
                preprocess_runs=False,
            )
            session.add(version)
            await session.flush()
        if latest:
            alias = {"job_id": job.id, "environment_id": stage.environment, "version_id": version.id}
            session.add(JobAlias(name="latest", value=version.version, **alias))
        return job.id, version.id


async def add_trigger(stage, *jobs):
    async with begin() as session:
        trigger = DynamicTrigger(type=DynamicTriggerType.EVENT, slug="orders", endpoint_id=stage.endpoint)
        session.add(trigger)
        await session.flush()
        starts = [{"dynamic_trigger_id": trigger.id, "job_id": job} for job in jobs]
        await session.execute(dynamic_trigger_jobs.insert(), starts)
        return trigger.id


async def test_a_dispatcher_of_a_dynamic_trigger_starts_the_latest_version_of_each_job_that_has_one():
    stage = await set_stage()
    with_latest, version = await add_job(stage, "with")
    without, _ = await add_job(stage, "without", latest=False)
    disabled, _ = await add_job(stage, "disabled", status=VersionStatus.DISABLED)
    trigger = await add_trigger(stage, with_latest, without, disabled)
    dispatcher = await listen(stage, trigger, dispatchable={"type": "DYNAMIC_TRIGGER", "id": trigger})

    job = await invoke(dispatcher, await add_event(stage))

    run = await one(JobRun)
    assert (run.job_id, run.version_id) == (with_latest, version)
    assert job.results == [{"runs": [run.id]}]


async def test_a_dynamic_trigger_starts_what_is_latest_in_its_own_environment():
    stage = await set_stage()
    job, version = await add_job(stage, "import")
    await add(RuntimeEnvironment(id="env_2", slug="x", type="STAGING", project_id=stage.project, **keys("tr_x")))
    older = await one(JobVersion, job_id=job, version="1.0.0")
    async with begin() as session:
        (await session.get_one(JobVersion, older.id)).environment_id = "env_2"
    await add(JobAlias(name="latest", value="1.0.0", job_id=job, environment_id="env_2", version_id=older.id))
    trigger = await add_trigger(stage, job)
    dispatcher = await listen(stage, trigger, dispatchable={"type": "DYNAMIC_TRIGGER", "id": trigger})

    await invoke(dispatcher, await add_event(stage))

    assert (await one(JobRun)).version_id == version


async def test_where_one_run_cannot_be_created_there_is_none(monkeypatch):
    stage = await set_stage()
    jobs = [(await add_job(stage, slug))[0] for slug in ("first", "second")]
    trigger = await add_trigger(stage, *jobs)
    dispatcher = await listen(stage, trigger, dispatchable={"type": "DYNAMIC_TRIGGER", "id": trigger})
    event = await add_event(stage)
    created = []

    async def fails_the_second_time(work, version, event):
        if created:
            raise RuntimeError("no room")
        created.append(await create_run(work, version, event))
        return created[-1]

    from catalog.running.create import create_run

    monkeypatch.setattr("catalog.eventing.invocation.create_run", fails_the_second_time)
    with pytest.raises(RuntimeError):
        await invoke(dispatcher, event)

    assert len(created) == 1
    assert await every(JobRun) == []


async def test_a_filter_is_told_of_whatever_the_event(caplog):
    stage = await set_stage()
    await listen(stage, "A", payload_filter={"plan": ["pro"]}, context_filter=[])
    caplog.set_level(logging.WARNING)

    await deliver(await add_event(stage, payload={"plan": "free"}))

    assert "a filter must be an object" in caplog.text

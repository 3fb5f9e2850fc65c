from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow import InvalidConfig, InvalidPayload, KongFlow
from kongflow.core.job import JobState
from kongflow.core.task import JobKeyMode
from kongflow.errors import (
    ConfigUnreadable,
    InvalidOption,
    JobNotFound,
    NotInitialized,
    SchemaOutOfDate,
    UnknownQueue,
    UnknownTask,
    WaitTimedOut,
    WrongName,
)
from tests.project_folder import CONFIG, write_project

pytestmark = pytest.mark.anyio


# --- configuration and life ------------------------------------------------------------------------------------------


async def test_the_configuration_is_that_of_the_argument_then_of_the_variable_then_of_the_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("argument", "variable"):
        (project / f"{name}.yaml").write_text(CONFIG.replace("name: tests", f"name: {name}"))
    monkeypatch.setenv("KONGFLOW_CONFIG", "variable.yaml")

    assert KongFlow.from_config("argument.yaml").catalog.name == "argument"
    assert KongFlow.from_config().catalog.name == "variable"
    monkeypatch.delenv("KONGFLOW_CONFIG")
    assert KongFlow.from_config().catalog.name == "tests"


async def test_a_broken_configuration_raises_its_report(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("queue: greetings", "queue: greting"))

    with pytest.raises(InvalidConfig, match=r"kongflow\.yaml:\d+:\d+: error\[queue-not-declared\]"):
        KongFlow.from_config()
    with pytest.raises(ConfigUnreadable, match=r"nowhere\.yaml"):
        KongFlow.from_config("nowhere.yaml")


async def test_initialize_and_stop_may_be_called_again_and_again(project: Path) -> None:
    flow = KongFlow.from_config()

    await flow.stop()
    await asyncio.gather(flow.initialize(), flow.initialize())
    await flow.initialize()
    job = await flow.enqueue("anything")
    await flow.stop()
    await flow.stop()
    await flow.initialize()

    assert (await flow.get(job.id)).state is JobState.READY
    await flow.stop()


@pytest.mark.parametrize("life", ["before initialize", "after stop"])
async def test_outside_its_life_every_call_says_what_to_do(life: str, project: Path) -> None:
    flow = KongFlow.from_config()
    if life == "after stop":
        async with flow:
            pass

    for call in (
        flow.enqueue("anything"),
        flow.enqueue_many([]),
        flow.dequeue("key"),
        flow.get("1"),
        flow.wait("1"),
        flow.jobs(),
        flow.queues(),
        flow.cancel("1"),
        flow.retry("1"),
        flow.delete("1"),
        flow.run(),
        flow.running().__aenter__(),
        flow.transaction().__aenter__(),
    ):
        with pytest.raises(NotInitialized, match=r"flow\.initialize"):
            await call


async def test_who_opened_it_for_looking_may_only_look(project: Path) -> None:
    async with KongFlow.from_config() as writing:
        job = await writing.enqueue("anything")
    flow = KongFlow.from_config()
    await flow.initialize(looking=True)

    assert (await flow.get(job.id)).state is JobState.READY
    assert [item.id for item in (await flow.jobs()).items] == [job.id]
    await flow.queues()
    await flow.status()
    for call in (
        flow.enqueue("anything"),
        flow.enqueue_many([]),
        flow.dequeue("key"),
        flow.wait(job.id),
        flow.cancel(job.id),
        flow.retry(job.id),
        flow.run_now(job.id),
        flow.reschedule(job.id, timedelta(hours=1)),
        flow.delete(job.id),
        flow.pause_queue("greetings"),
        flow.resume_queue("greetings"),
        flow.run(),
        flow.running().__aenter__(),
        flow.transaction().__aenter__(),
    ):
        with pytest.raises(NotInitialized, match=r"looking only.*flow\.initialize\(\)"):
            await call
    await flow.stop()


async def test_who_looked_first_opens_it_for_writing_by_initializing(project: Path) -> None:
    flow = KongFlow.from_config()
    await flow.store.open()
    await flow.store.migrate()
    await flow.store.close()
    await flow.initialize(looking=True)
    await flow.initialize()
    await flow.initialize(looking=True)

    job = await flow.enqueue("anything")
    await flow.run(until_idle=True)

    assert (await flow.get(job.id)).state is JobState.SUCCEEDED
    with pytest.raises(WrongName):
        await flow.store.check_name("somebody else", claim=False)
    await flow.stop()


async def test_who_looked_first_and_may_not_write_is_not_connected(project: Path) -> None:
    flow = KongFlow.from_config()
    await flow.store.open()
    await flow.store.migrate()
    await flow.store.close()
    await flow.initialize(looking=True)
    async with KongFlow(replace(flow.catalog, name="somebody else")):
        pass

    with pytest.raises(WrongName):
        await flow.initialize()
    with pytest.raises(NotInitialized, match="not connected"):
        await flow.jobs()


async def test_a_failed_initialize_can_be_tried_again(project: Path) -> None:
    url = '"${KONGFLOW_DATABASE_URL:-sqlite:///jobs.db}"'
    manual = CONFIG.replace(url, f"{url}, migrate: manual, schema: empty")
    write_project(project, manual)
    flow = KongFlow.from_config()
    with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
        await flow.initialize()

    await flow.store.open()
    await flow.store.migrate()
    await flow.store.close()
    await flow.initialize()

    assert (await flow.enqueue("anything")).created
    await flow.stop()


async def test_the_tables_belong_to_one_name(flow: KongFlow, project: Path) -> None:
    write_project(project, CONFIG.replace("name: tests", "name: other"))

    with pytest.raises(WrongName):
        await KongFlow.from_config().initialize()


# --- adding ----------------------------------------------------------------------------------------------------------


async def test_enqueue_returns_the_job_as_it_is_stored(flow: KongFlow) -> None:
    job = await flow.enqueue("start_run", {"id": "run_1"}, priority=3, max_attempts=7, flags=["gpu"], tags={"b", "a"})

    assert replace(job, created=False) == await flow.get(job.id)
    assert (job.queue, job.key, job.priority, job.max_attempts) == ("runs:run_1", "run:run_1", 3, 7)
    assert (job.flags, job.tags, job.state, job.created) == (("gpu",), ("a", "b"), JobState.READY, True)


async def test_run_at_is_an_aware_datetime_or_a_timedelta(flow: KongFlow) -> None:
    at = datetime(2099, 1, 1, tzinfo=UTC)

    assert (await flow.enqueue("anything", run_at=at)).run_at == at
    later = await flow.enqueue("anything", run_at=timedelta(hours=1))
    assert timedelta(minutes=59) < later.run_at - datetime.now(UTC) <= timedelta(hours=1)


async def test_a_key_updates_its_waiting_job(flow: KongFlow) -> None:
    first = await flow.enqueue("anything", {"n": 1}, job_key="k")
    second = await flow.enqueue("anything", {"n": 2}, job_key="k")
    third = await flow.enqueue("anything", {"n": 3}, job_key="k", job_key_mode=JobKeyMode.UNSAFE_DEDUPE)

    assert (second.id, second.created, second.payload) == (first.id, False, {"n": 2})
    assert (third.id, third.created, third.payload) == (first.id, False, {"n": 2})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"run_at": datetime(2099, 1, 1)}, "no time zone"),
        ({"run_at": "tomorrow"}, "run_at is an aware datetime or a timedelta, not 'tomorrow'"),
        ({"priority": "high"}, "priority is a whole number, not 'high'"),
        ({"priority": True}, "priority is a whole number"),
        ({"priority": 40_000}, "priority"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"queue": 5}, "queue is text, not 5"),
        ({"job_key": ""}, "key"),
        ({"job_key_mode": "replce", "job_key": "k"}, "did you mean 'replace'"),
        ({"flags": "gpu"}, "flags is a list of texts, not 'gpu'"),
        ({"tags": [1]}, "tags is a list of texts"),
        ({"prority": 1}, "there is no option 'prority'; did you mean 'priority'?"),
    ],
)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # no store is asked
async def test_an_option_that_cannot_work_is_refused(options: dict[str, Any], words: str, flow: KongFlow) -> None:
    with pytest.raises(InvalidOption, match=words.replace("?", r"\?")):
        await flow.enqueue("anything", {}, **options)

    assert (await flow.jobs()).items == ()


async def test_none_means_not_given(flow: KongFlow) -> None:
    job = await flow.enqueue("start_run", {"id": "1"}, queue=None, priority=None, max_attempts=None, tags=None)

    assert (job.queue, job.priority, job.max_attempts, job.tags) == ("runs:1", 0, None, ("run",))


async def test_a_bad_payload_names_every_problem_and_adds_nothing(flow: KongFlow) -> None:
    with pytest.raises(InvalidPayload) as caught:
        await flow.enqueue("greet", {"name": 5, "nme": "x"})

    assert len(caught.value.problems) == 2
    assert "$.name" in str(caught.value)
    with pytest.raises(UnknownTask, match="did you mean 'greet'"):
        await flow.enqueue("gret")
    assert (await flow.jobs()).items == ()


async def test_many_jobs_are_added_in_order_in_one_transaction(flow: KongFlow) -> None:
    jobs = await flow.enqueue_many(
        [("anything", {"n": 0}), ("anything", {"n": 1}, {"priority": 5}), ("greet", {"name": "Ada"})]
    )

    assert [(job.task, job.priority) for job in jobs] == [("anything", 0), ("anything", 5), ("greet", 0)]
    assert [int(job.id) for job in jobs] == sorted(int(job.id) for job in jobs)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (("greet", {"name": 5}), InvalidPayload, r"^entry 2 of 3: task 'greet': .*\$\.name"),
        (("gret", {}), UnknownTask, "^entry 2 of 3: no task 'gret'"),
        (("anything", {}, {"queue": "nowhere"}), UnknownQueue, "^entry 2 of 3: no queue"),
        (("anything",), InvalidOption, "entry 2 .* must be"),
        (("anything", {}, {"prority": 1}), InvalidOption, "prority"),
    ],
)
async def test_of_many_jobs_one_bad_entry_is_named_and_there_is_no_row(
    bad: Any, kind: type[Exception], words: str, flow: KongFlow
) -> None:
    with pytest.raises(kind, match=words):
        await flow.enqueue_many([("anything", {}), bad, ("anything", {})])

    assert (await flow.jobs()).items == ()


async def test_dequeue_cancels_the_waiting_job_of_a_key(flow: KongFlow) -> None:
    job = await flow.enqueue("anything", job_key="k")

    dequeued = await flow.dequeue("k")

    assert dequeued is not None
    assert (dequeued.id, dequeued.state) == (job.id, JobState.CANCELLED)
    assert await flow.dequeue("k") is None


# --- looking and operating -------------------------------------------------------------------------------------------


async def test_what_nobody_ever_added_is_not_found(flow: KongFlow) -> None:
    for call in (flow.get("999"), flow.wait("999"), flow.cancel("999"), flow.retry("999"), flow.delete("999")):
        with pytest.raises(JobNotFound, match="there is no job '999'"):
            await call


async def test_a_wait_ends_when_the_job_has_ended(flow: KongFlow) -> None:
    job = await flow.enqueue("greet", {"name": "Ada"})

    async with flow.running():
        ended = await flow.wait(job.id, timeout=60)

    assert (ended.state, ended.result) == (JobState.SUCCEEDED, "Hello, Ada!")


@pytest.mark.parametrize("timeout", [0.01, timedelta(milliseconds=10)])
async def test_a_wait_times_out_and_the_job_goes_on(timeout: float | timedelta, flow: KongFlow) -> None:
    job = await flow.enqueue("anything")

    with pytest.raises(WaitTimedOut, match=r"has not ended within 10ms"):
        await flow.wait(job.id, timeout)

    assert (await flow.get(job.id)).state is JobState.READY


async def test_a_retry_validates_the_payload_anew(flow: KongFlow, project: Path) -> None:
    job = await flow.enqueue("greet", {"name": "Ada"})
    await flow.run(until_idle=True)
    write_project(project, CONFIG.replace("times: {type: integer}", "times: {type: integer, default: 2}"))

    async with KongFlow.from_config() as newer:
        retried = await newer.retry(job.id)

    assert (retried.id, retried.attempt, retried.state) == (job.id, 0, JobState.READY)
    assert retried.payload == {"name": "Ada", "salutation": "Hello", "times": 2}


async def test_a_waiting_job_is_given_another_time_and_runs_now_after_all(flow: KongFlow) -> None:
    job = await flow.enqueue("anything")

    moved = await flow.reschedule(job.id, timedelta(hours=1))
    assert (moved.state, moved.run_at > job.run_at) == (JobState.SCHEDULED, True)
    at = datetime(2100, 1, 1, tzinfo=UTC)
    assert (await flow.reschedule(job.id, at)).run_at == at
    async with flow.running():
        await flow.run_now(job.id)
        assert (await flow.wait(job.id, timeout=60)).state is JobState.SUCCEEDED


async def test_jobs_are_found_by_the_filter_language(flow: KongFlow) -> None:
    jobs = await flow.enqueue_many([("anything", {"n": n}, {"tags": ["x"]}) for n in range(3)])

    page = await flow.jobs(filter="payload.n:>=1 state:ready", tag="x")

    assert [job.id for job in page.items] == [jobs[2].id, jobs[1].id]


async def test_jobs_are_filtered_and_paged(flow: KongFlow) -> None:
    await flow.enqueue_many([("anything", {}, {"tags": ["x"]}) for _ in range(3)])
    await flow.enqueue("greet", {"name": "Ada"})

    assert len((await flow.jobs(states=["ready"], task="anything", tag="x")).items) == 3
    assert (await flow.jobs(since=timedelta(hours=-1))).items == ()
    page = await flow.jobs(limit=3)
    assert len((await flow.jobs(limit=3, cursor=page.next_cursor)).items) == 1
    with pytest.raises(InvalidOption, match="did you mean 'ready'"):
        await flow.jobs(states=["redy"])
    with pytest.raises(InvalidOption, match="no time zone"):
        await flow.jobs(since=datetime(2026, 1, 1))


async def test_queues_count_their_live_jobs(flow: KongFlow) -> None:
    await flow.enqueue("start_run", {"id": "1"})

    (counts,) = await flow.queues()

    assert (counts.queue, counts.counts[JobState.READY]) == ("runs:1", 1)


@pytest.mark.parametrize("payload", ["[1]", '"text"', "5"])
async def test_a_payload_that_is_no_object_is_refused_by_a_retry_too(flow: KongFlow, payload: str) -> None:
    async with flow.transaction() as tx:
        table = "kongflow.job" if tx.dialect.name == "postgresql" else "kongflow_job"
        await tx.execute(text(f"insert into {table} (task, payload) values ('anything', :it)"), {"it": payload})
    await flow.run(until_idle=True)
    assert (await flow.get("1")).reason == "invalid_payload"
    with pytest.raises(InvalidPayload, match="must be a JSON object"):
        await flow.retry("1")

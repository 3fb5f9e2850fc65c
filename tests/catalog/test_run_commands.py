"""`python -m catalog.app runs …` and `test-job`, and the services behind them."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from catalog import PROJECT
from catalog.app.__main__ import main
from catalog.app.models import (
    EventRecord,
    ExecutionStatus,
    JobQueue,
    JobRun,
    JobRunExecution,
    RunStatus,
    Task,
    TaskStatus,
    VersionStatus,
)
from kongflow import KongFlow
from kongflow.testing import enqueued
from tests.catalog.stage import add_run, add_task, every, one, set_stage

AT = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _database(database):
    """Every test has a database of each dialect."""


def stage(**options):
    return asyncio.run(set_stage(**options))


def run(*arguments, **columns):
    return asyncio.run(add_run(*arguments, **columns))


def only(model, **columns):
    return asyncio.run(one(model, **columns))


def type_in(*arguments, exit_code=0):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == exit_code, done.output
    return done.output


def jobs():
    """The task and payload of every job that was added."""

    async def added():
        async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow:
            return [(job.task, job.payload) for job in await enqueued(flow)]

    return asyncio.run(added())


def test_runs_are_listed_newest_first_and_by_status():
    here = stage()
    first = run(here, RunStatus.SUCCESS, created_at=AT)
    second = run(here, RunStatus.FAILURE)

    assert [line.split()[:5] for line in type_in("runs", "list").splitlines()] == [
        [second, "#2", "on-order", "1.0.0", "FAILURE"],
        [first, "#1", "on-order", "1.0.0", "SUCCESS"],
    ]
    assert type_in("runs", "list", "--status", "SUCCESS").split()[0] == first


def test_a_run_is_shown_with_its_event_and_tasks():
    id = run(stage(), RunStatus.SUCCESS, output={"n": 1})
    step = {"display_key": "charge", "description": "Charge the card"}
    asyncio.run(add_task(id, status=TaskStatus.COMPLETED, output="done", **step))

    shown = json.loads(type_in("runs", "show", id))

    assert (shown["id"], shown["status"], shown["output"]) == (id, "SUCCESS", {"n": 1})
    assert shown["event"] == {"id": "evt_1", "name": "order.paid", "payload": {"id": "u1"}}
    assert [(task["status"], task["output"]) for task in shown["tasks"]] == [("COMPLETED", "done")]
    assert [(task["key"], task["description"]) for task in shown["tasks"]] == [("charge", "Charge the card")]


def test_a_run_under_way_is_cancelled_and_the_next_one_woken():
    here = stage()
    id = run(here, RunStatus.STARTED)

    assert type_in("runs", "cancel", id) == f"{id}  CANCELED\n"
    assert type_in("runs", "cancel", id) == f"{id}  CANCELED\n"

    assert only(JobQueue).job_count == 0
    assert jobs() == [("startQueuedRuns", {"id": here.queue})]


def test_a_run_that_has_ended_stays_as_it_is_when_it_is_cancelled():
    id = run(stage(), RunStatus.SUCCESS)

    said = type_in("runs", "cancel", id, exit_code=1)
    assert f"the run {id} is SUCCESS; there is nothing left to cancel" in said


def test_a_run_that_failed_goes_on_where_it_stood():
    here = stage(max_jobs=1)
    id = run(here, RunStatus.FAILURE, output={"message": "boom"}, completed_at=AT)
    asyncio.run(add_task(id, "cut-off", status=TaskStatus.ERRORED))
    asyncio.run(add_task(id, "failed", status=TaskStatus.ERRORED, output={"message": "boom"}))

    assert type_in("runs", "continue", id) == f"{id}  STARTED\n"

    again = only(JobRun)
    assert (again.status, again.output, again.completed_at) == (RunStatus.STARTED, None, None)
    assert only(JobQueue).job_count == 1
    execution = only(JobRunExecution)
    assert (execution.is_retry, execution.status) == (True, ExecutionStatus.PENDING)
    assert only(Task, idempotency_key="cut-off").status is TaskStatus.CANCELED, "it begins anew when asked for"
    assert only(Task, idempotency_key="failed").status is TaskStatus.ERRORED
    assert jobs() == [("performRunExecution", {"id": execution.id}), ("startQueuedRuns", {"id": here.queue})]


def test_a_run_that_goes_on_waits_where_its_queue_is_full():
    here = stage(max_jobs=1)
    run(here, RunStatus.STARTED)
    id = run(here, RunStatus.ABORTED, preprocess=True)

    assert type_in("runs", "continue", id) == f"{id}  QUEUED\n"

    waiting = only(JobRun, id=id)
    assert (waiting.queued_at is None, waiting.preprocess) == (False, False)
    assert only(JobQueue).job_count == 1


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.STARTED, RunStatus.QUEUED])
def test_only_a_run_that_ended_without_success_goes_on(status):
    id = run(stage(), status)

    assert f"run {id} is {status}" in type_in("runs", "continue", id, exit_code=1)


def test_a_run_is_repeated_for_a_copy_of_its_event():
    here = stage()
    id = run(here, RunStatus.FAILURE)

    new_id, status = type_in("runs", "rerun", id).split()

    new = only(JobRun, id=new_id)
    assert (status, new.number, new.version_id) == ("PENDING", 2, here.version)
    event = only(EventRecord, id=new.event_id)
    assert event.event_id.startswith("evt_1:retry:")
    assert (event.name, event.payload, event.delivered_at) == ("order.paid", {"id": "u1"}, None)
    assert jobs() == [("startRun", {"id": new_id})], "nobody else hears of the event"


def test_a_job_runs_for_a_sample_event():
    stage()

    id, status = type_in("test-job", "on-order", "--payload", '{"id": "u9"}').split()

    sample = only(JobRun)
    assert (id, status, sample.is_test) == (sample.id, "PENDING", True)
    event = only(EventRecord)
    assert event.event_id.startswith("test:order.paid:")
    assert (event.payload, event.is_test) == ({"id": "u9"}, True)
    assert jobs() == [("startRun", {"id": id})]


def test_a_job_that_no_endpoint_offers_any_more_is_not_tried():
    stage(status=VersionStatus.DISABLED)

    assert "no endpoint there offers a job 'on-order'" in type_in("test-job", "on-order", exit_code=1)


def test_a_job_of_two_projects_must_be_told_apart():
    stage()
    stage(slug="other")

    assert "2 environments have a job 'on-order'" in type_in("test-job", "on-order", exit_code=1)
    type_in("test-job", "on-order", "--project", "other", "--environment", "PRODUCTION")
    assert len(asyncio.run(every(JobRun))) == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("runs", "show", "run_none"), 1, "there is no run 'run_none'"),
        (("runs", "cancel", "run_none"), 1, "there is no run 'run_none'"),
        (("runs", "continue", "run_none"), 1, "there is no run 'run_none'"),
        (("runs", "rerun", "run_none"), 1, "there is no run 'run_none'"),
        (("test-job", "none"), 1, "no endpoint there offers a job 'none'"),
        (("test-job", "none", "--payload", "{"), 2, "--payload: invalid JSON"),
        (("test-job", "none", "--payload", '"\\u0000"'), 2, "--payload: text that cannot be stored"),
    ],
)
@pytest.mark.only_on("sqlite")
def test_a_mistake_is_told_in_one_line(arguments, exit_code, said):
    output = type_in(*arguments, exit_code=exit_code)

    assert said in output
    assert "Traceback" not in output


@pytest.mark.only_on("sqlite")
def test_a_database_of_nobody_is_told_in_one_line(monkeypatch):
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", "postgresql://127.0.0.1:1/none")

    assert "Error: " in type_in("runs", "cancel", "run_1", exit_code=1)

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from kongflow import InvalidPayload, KongFlow, SyncKongFlow
from kongflow.core.job import JobState
from kongflow.errors import JobNotFound, NotInitialized, StoreUnavailable, WaitTimedOut
from tests.project_folder import CONFIG, write_project


def portals() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "kongflow-portal"]


def test_it_has_the_names_and_parameters_of_the_async_class() -> None:
    def public(kind: type) -> dict[str, object]:
        return {name: member for name, member in vars(kind).items() if not name.startswith("_") and callable(member)}

    own, other = public(SyncKongFlow), public(KongFlow)

    assert set(other) - set(own) == {"wake", "request_stop"}
    for name in set(own) - {"run"}:
        parameters = list(inspect.signature(getattr(SyncKongFlow, name)).parameters)
        assert parameters == list(inspect.signature(getattr(KongFlow, name)).parameters), name


def test_every_call_is_a_plain_one(sync_flow: SyncKongFlow) -> None:
    job = sync_flow.enqueue("greet", {"name": "Ada"}, priority=2)
    many = sync_flow.enqueue_many([("anything", {}), ("anything", {}, {"job_key": "k"})])

    assert sync_flow.get(job.id).priority == 2
    assert [item.id for item in sync_flow.jobs().items] == [many[1].id, many[0].id, job.id]
    assert {counts.queue for counts in sync_flow.queues()} == {None, "greetings"}
    dequeued = sync_flow.dequeue("k")
    assert dequeued is not None
    assert dequeued.id == many[1].id
    assert sync_flow.cancel(many[0].id).state is JobState.CANCELLED
    assert sync_flow.retry(many[0].id).state is JobState.READY
    assert sync_flow.reschedule(many[0].id, timedelta(hours=1)).state is JobState.SCHEDULED
    assert [item.id for item in sync_flow.jobs(filter="state:scheduled").items] == [many[0].id]
    assert sync_flow.run_now(many[0].id).state is JobState.READY
    sync_flow.delete(many[0].id)
    with pytest.raises(JobNotFound):
        sync_flow.get(many[0].id)
    with pytest.raises(WaitTimedOut):
        sync_flow.wait(job.id, timeout=0.01)


def test_who_opened_it_for_looking_writes_nothing_before_he_initializes_it(project: Path) -> None:
    with SyncKongFlow.from_config():
        pass
    flow = SyncKongFlow.from_config()
    flow.initialize(looking=True)

    assert flow.jobs().items == ()
    for write in (
        lambda: flow.enqueue("anything"),
        lambda: flow.enqueue("anything", connection=object()),
        lambda: flow.enqueue_many([], connection=object()),
        lambda: flow.dequeue("key", connection=object()),
        lambda: flow.transaction().__enter__(),
        lambda: flow.run(until_idle=True),
        lambda: flow.running().__enter__(),
    ):
        with pytest.raises(NotInitialized, match=r"looking only.*flow\.initialize\(\)"):
            write()

    flow.initialize()
    job = flow.enqueue("anything")
    assert flow.run(until_idle=True).succeeded == 1
    assert flow.get(job.id).state is JobState.SUCCEEDED
    flow.stop()
    assert portals() == []


def test_errors_come_out_as_they_are(sync_flow: SyncKongFlow) -> None:
    with pytest.raises(InvalidPayload, match=r"\$\.name"):
        sync_flow.enqueue("greet", {"name": 5})


def test_it_runs_until_idle_in_the_callers_thread(sync_flow: SyncKongFlow) -> None:
    job = sync_flow.enqueue("greet", {"name": "Ada"})

    summary = sync_flow.run(until_idle=True)

    assert summary.succeeded == 1
    assert sync_flow.get(job.id).result == "Hello, Ada!"


def test_it_runs_beside_the_caller_and_is_woken_by_what_he_adds(project: Path) -> None:
    write_project(project, CONFIG.replace("poll_interval: 50ms", "poll_interval: 1h"))

    with SyncKongFlow.from_config() as flow, flow.running():
        job = flow.enqueue("anything")
        assert flow.wait(job.id, timeout=60).state is JobState.SUCCEEDED
        with flow.transaction() as tx:
            job = flow.enqueue("anything", connection=tx)
        assert flow.wait(job.id, timeout=60).state is JobState.SUCCEEDED


def test_stop_ends_a_run_in_another_thread(project: Path) -> None:
    write_project(project, CONFIG.replace("poll_interval: 50ms", "poll_interval: 1h"))
    flow = SyncKongFlow.from_config()
    flow.initialize()
    with ThreadPoolExecutor() as pool:
        working = pool.submit(flow.run)
        job = flow.enqueue("anything")
        flow.wait(job.id, timeout=60)

        flow.stop()

        assert working.result(60).exit_code == 0


def test_initialize_and_stop_may_be_called_again_and_again(project: Path) -> None:
    flow = SyncKongFlow.from_config()
    flow.stop()
    flow.initialize()
    flow.initialize()
    assert len(portals()) == 1
    flow.stop()
    flow.stop()
    assert portals() == []
    flow.initialize()

    assert flow.enqueue("anything").created
    flow.stop()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_failed_initialize_leaves_no_thread(project: Path) -> None:
    (project / "jobs.db").write_bytes(b"not a database" * 1000)

    with pytest.raises(Exception, match=r"jobs\.db"):
        SyncKongFlow.from_config().initialize()

    assert portals() == []


def test_outside_its_life_it_says_what_to_do(project: Path) -> None:
    with pytest.raises(NotInitialized, match=r"flow\.initialize\(\)"):
        SyncKongFlow.from_config().enqueue("anything")


def test_many_threads_may_call_it_at_once(sync_flow: SyncKongFlow) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda n: sync_flow.enqueue("anything", {"n": n}), range(80)))

    assert len({job.id for job in jobs}) == 80
    assert len(sync_flow.jobs(limit=200).items) == 80


def test_it_can_be_called_from_a_thread_that_has_a_loop_of_its_own(sync_flow: SyncKongFlow) -> None:
    async def handler() -> str:
        return sync_flow.enqueue("anything").id

    assert asyncio.run(handler()).isdigit()


def test_from_its_own_loop_it_refuses_instead_of_waiting_for_ever(sync_flow: SyncKongFlow, project: Path) -> None:
    portal = sync_flow._portal
    assert portal is not None

    async def inside() -> None:
        sync_flow.get("1")

    with pytest.raises(NotInitialized, match="its own event loop"):
        portal.call(inside())


def in_a_fork(flow: SyncKongFlow, answers: Connection) -> None:
    try:
        flow.enqueue("anything")
    except NotInitialized as error:
        answers.send(str(error))
    for attempt in (flow, SyncKongFlow(flow.catalog)):
        try:
            attempt.initialize()
        except StoreUnavailable as error:
            answers.send(str(error))
    answers.close()
    os._exit(0)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_file_that_was_open_at_a_fork_is_refused_in_the_child(sync_flow: SyncKongFlow) -> None:
    answers, child_end = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=in_a_fork, args=(sync_flow, child_end))
    child.start()

    assert answers.poll(60)
    told = answers.recv()
    assert f"was initialized in process {os.getpid()} and came here (process {child.pid}) by a fork" in told
    for _ in range(2):
        assert answers.poll(60)
        assert "Call initialize() only after the fork" in answers.recv()
    child.join(60)
    assert child.exitcode == 0


def after_a_fork(flow: SyncKongFlow, answers: Connection) -> None:
    with flow:
        answers.send(flow.enqueue("anything").id)
        answers.recv()
        answers.send(flow.enqueue("anything").id)
    os._exit(0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_that_connects_after_the_fork_loses_nothing_when_its_parent_stops(project: Path) -> None:
    flow = SyncKongFlow.from_config()
    answers, child_end = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=after_a_fork, args=(flow, child_end))
    child.start()
    assert answers.poll(60)
    added = [answers.recv()]
    with flow:
        flow.enqueue("anything")
    answers.send("the parent has stopped")
    assert answers.poll(60)
    added.append(answers.recv())
    child.join(60)

    with flow:
        assert [flow.get(id).state for id in added] == [JobState.READY] * 2
        assert len(flow.jobs().items) == 3


def test_stop_ends_the_waits_of_other_threads(sync_flow: SyncKongFlow) -> None:
    job, ended = sync_flow.enqueue("anything"), threading.Event()

    def wait() -> None:
        with pytest.raises(NotInitialized):  # whichever is noticed first: the stop, or the closed store
            sync_flow.wait(job.id)
        ended.set()

    threading.Thread(target=wait).start()
    portal = sync_flow._portal
    assert portal is not None
    deadline = time.monotonic() + 60
    while not any("KongFlow.wait" in repr(task) for task in asyncio.all_tasks(portal.loop)):
        assert time.monotonic() < deadline
    sync_flow.stop()
    assert ended.wait(60)

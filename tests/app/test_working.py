"""KongFlow at work: runs, blocks that run in the background, stops and signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from kongflow import InvalidConfig, KongFlow
from kongflow.core.job import JobState
from kongflow.errors import InvalidOption, JobStateConflict, UnknownQueue
from tests.project_folder import CONFIG, write_project

pytestmark = pytest.mark.anyio


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def is_running(flow: KongFlow, id: str) -> bool:
    return (await flow.get(id)).state is JobState.RUNNING


async def test_what_runs_can_be_neither_retried_nor_deleted(flow: KongFlow) -> None:
    job = await flow.enqueue("linger")
    async with flow.running():
        await eventually(lambda: is_running(flow, job.id))

        with pytest.raises(JobStateConflict):
            await flow.retry(job.id)
        with pytest.raises(JobStateConflict):
            await flow.delete(job.id)

        await flow.cancel(job.id)
        assert (await flow.wait(job.id, 60)).state is JobState.CANCELLED


async def test_a_run_until_idle_says_what_it_did_and_what_is_left(flow: KongFlow) -> None:
    await flow.enqueue_many([("anything", {}), ("fail", {}), ("retry", {}), ("anything", {}, {"queue": "fast"})])
    await flow.enqueue("anything", run_at=timedelta(hours=1))

    summary = await flow.run(until_idle=True)

    assert (summary.succeeded, summary.failed, summary.retried, summary.later) == (2, 1, 1, 2)
    assert summary.exit_code == 1


async def test_queues_and_concurrency_may_be_given_for_one_run(flow: KongFlow) -> None:
    greeting = await flow.enqueue("greet", {"name": "Ada"})
    run = await flow.enqueue("start_run", {"id": "1"})

    await flow.run(queues=["greetings"], concurrency=1, until_idle=True)

    assert (await flow.get(greeting.id)).state is JobState.SUCCEEDED
    assert (await flow.get(run.id)).state is JobState.READY
    with pytest.raises(UnknownQueue, match="did you mean 'greetings'"):
        await flow.run(queues=["greting"])
    with pytest.raises(InvalidOption, match="1 or more"):
        await flow.run(concurrency=0)


async def test_a_job_added_beside_a_runner_starts_at_once_not_when_it_polls(project: Path) -> None:
    write_project(project, CONFIG.replace("poll_interval: 50ms", "poll_interval: 1h"))

    async with KongFlow.from_config() as flow, flow.running():
        for _ in range(3):
            job = await flow.enqueue("anything")
            assert (await flow.wait(job.id, 60)).state is JobState.SUCCEEDED


async def test_stop_drains_what_runs_in_this_process(project: Path) -> None:
    flow = KongFlow.from_config()
    await flow.initialize()
    working = asyncio.create_task(flow.run())
    job = await flow.enqueue("anything")
    await flow.wait(job.id, 60)

    await flow.stop()

    assert (await working).exit_code == 0


async def test_a_stop_right_after_the_start_is_heard(project: Path) -> None:
    flow = KongFlow.from_config()
    await flow.initialize()
    working = asyncio.create_task(flow.run())
    await asyncio.sleep(0)

    await asyncio.wait_for(flow.stop(), 60)

    assert (await working).exit_code == 0


async def test_a_cancelled_run_gives_its_jobs_back(flow: KongFlow) -> None:
    job = await flow.enqueue("linger")
    working = asyncio.create_task(flow.run())
    await eventually(lambda: is_running(flow, job.id))

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert ((await flow.get(job.id)).state, (await flow.get(job.id)).attempt) == (JobState.READY, 0)


async def test_a_runner_that_cannot_start_is_told_before_the_block_begins(project: Path) -> None:
    write_project(project, CONFIG.replace(", default: dummy-sesame", ""))

    async with KongFlow.from_config() as flow:
        with pytest.raises(InvalidConfig, match="API_TOKEN is not set"):
            async with flow.running():
                pytest.fail("the block began")


async def test_an_exception_in_the_block_comes_out_after_the_drain(flow: KongFlow) -> None:
    with pytest.raises(ZeroDivisionError):
        async with flow.running():
            raise ZeroDivisionError

    assert (await flow.store.runners()) == []


async def test_signals_are_handled_by_a_run_and_stay_with_the_application_beside_a_running_block(
    flow: KongFlow,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with flow.running():
        assert signal.getsignal(signal.SIGTERM) is before

    working = asyncio.create_task(flow.run())
    job = await flow.enqueue("anything")
    await flow.wait(job.id, 60)
    os.kill(os.getpid(), signal.SIGTERM)

    assert (await asyncio.wait_for(working, 60)).why == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_signal_is_heard_by_every_run_of_the_process_whichever_ends_first(flow: KongFlow) -> None:
    before = signal.getsignal(signal.SIGTERM)
    runs = [asyncio.create_task(flow.run(queues=[queue])) for queue in ("greetings", "fast", "runs:*")]
    await eventually(lambda: _number_of_runners(flow, 3))
    first, *others = runs
    flow_runners = list(flow._runners)
    flow_runners[0].request_stop()
    await asyncio.wait_for(first, 60)
    os.kill(os.getpid(), signal.SIGTERM)
    assert [(await asyncio.wait_for(run, 60)).why for run in others] == ["SIGTERM", "SIGTERM"]
    assert signal.getsignal(signal.SIGTERM) is before


async def _number_of_runners(flow: KongFlow, number: int) -> bool:
    return len(await flow.store.runners()) == number

"""What becomes of running jobs when the runner stops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.engine import overruns, shift
from kongflow.engine.context import SyncJobContext
from kongflow.engine.events import JobAbandoned, JobOverrunning, JobReleased, JobStarted, RunnerStopping
from kongflow.engine.maintenance import Maintenance
from tests.builders import QUICK
from tests.engine.site import Site, open_site
from tests.engine.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def start_with(site: Site, task: str, count: int = 1) -> list[str]:
    ids = [await site.enqueue(task) for _ in range(count)]
    await site.start()
    await site.until_told(JobStarted, count)
    return ids


async def test_a_stop_lets_running_jobs_end_and_claims_no_more(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(payload: Any) -> str:
        await go_on.wait()
        return "done"

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        (first,) = await start_with(site, "work")
        site.runner.request_stop("the test says so")
        await site.until_told(RunnerStopping)
        second = await site.enqueue("work")
        go_on.set()
        assert site.running is not None
        summary = await site.running

        assert (summary.exit_code, summary.why, summary.succeeded) == (0, "the test says so", 1)
        assert (await site.job(first)).result == "done"
        assert (await site.job(second)).state is JobState.READY
        (stopping,) = site.of(RunnerStopping)
        assert (stopping.running, stopping.within) == (1, QUICK.shutdown_timeout / 2)


async def test_what_does_not_end_in_time_is_cancelled_and_released_without_an_attempt(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        await asyncio.Event().wait()

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        (added,) = await start_with(site, "work")
        summary = await asyncio.wait_for(site.stop(), PATIENCE)
        job = await site.job(added)

    assert (job.state, job.attempt, job.claims, job.crashes, job.error) == (JobState.READY, 0, 1, 0, None)
    assert (summary.exit_code, summary.released, summary.running_on) == (0, 1, 0)


async def test_a_hurried_stop_skips_the_wait(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        await asyncio.Event().wait()

    patient = replace(QUICK, shutdown_timeout=3600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=patient) as site:
        (added,) = await start_with(site, "work")
        site.runner.request_stop()
        await site.until_told(RunnerStopping)
        site.runner.request_stop(hurry=True)
        assert site.running is not None
        await asyncio.wait_for(site.running, PATIENCE)

        assert (await site.job(added)).state is JobState.READY


async def test_a_thread_that_goes_on_is_released_as_the_last_act(tmp_path: Path, gate: threading.Event) -> None:
    def work(payload: Any) -> None:
        gate.wait(PATIENCE)

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        (added,) = await start_with(site, "work")
        summary = await site.stop()
        job = await site.job(added)
        gate.set()

    assert (job.state, job.attempt, job.crashes) == (JobState.READY, 0, 0)
    assert (summary.running_on, len(site.of(JobReleased))) == (1, 1)
    (abandoned,) = site.of(JobAbandoned)
    assert abandoned.job.task == "work"
    assert "gate.wait" in abandoned.stacks, "it says what hangs"


async def test_a_hurried_stop_does_not_wait_for_a_thread_that_goes_on(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(payload: Any) -> None:
        gate.wait()

    monkeypatch.setattr(shift, "CANCEL_WINDOW", 3600.0)
    patient = replace(QUICK, shutdown_timeout=7200.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=patient) as site:
        (added,) = await start_with(site, "work")
        site.runner.request_stop()
        await site.until_told(RunnerStopping)
        site.runner.request_stop(hurry=True)
        assert site.running is not None
        ended, _ = await asyncio.wait({site.running}, timeout=PATIENCE)
        gate.set()
        summary = await site.running
        job = await site.job(added)

    assert ended
    assert (job.state, job.attempt, job.crashes, summary.running_on) == (JobState.READY, 0, 0, 1)


async def test_a_thread_that_sees_the_stop_and_returns_nothing_is_released(tmp_path: Path) -> None:
    def work(payload: Any, job: SyncJobContext) -> None:
        while not job.cancelled:
            time.sleep(0.005)

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        (added,) = await start_with(site, "work")
        summary = await site.stop(hurry=True)
        job = await site.job(added)

    assert (job.state, job.attempt, summary.running_on) == (JobState.READY, 0, 0)


async def test_a_job_that_succeeds_in_spite_of_its_cancel_has_succeeded(tmp_path: Path) -> None:
    async def work(payload: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return "just in time"

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        (added,) = await start_with(site, "work")
        await site.stop(hurry=True)
        job = await site.job(added)

    assert (job.state, job.result) == (JobState.SUCCEEDED, "just in time")


async def test_an_overrun_ends_as_timed_out_when_its_process_ends(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overruns, "NOTICE_AFTER", 0.01)

    def work(payload: Any) -> None:
        gate.wait(PATIENCE)

    async with open_site(tmp_path, {"work": {"run": work, "timeout": 0.05, "max_attempts": 1}}) as site:
        (added,) = await start_with(site, "work")
        await site.until_told(JobOverrunning)
        await site.stop()
        job = await site.job(added)
        gate.set()

    assert (job.state, job.reason) == (JobState.FAILED, Reason.TIMED_OUT)


async def test_cancelling_the_run_gives_the_jobs_back_first(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        await asyncio.Event().wait()

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        (added,) = await start_with(site, "work")
        assert site.running is not None
        site.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await site.running

        job = await site.job(added)
        assert (job.state, job.attempt) == (JobState.READY, 0)
        assert await site.store.runners() == []


async def test_a_released_job_starts_on_another_runner(tmp_path: Path) -> None:
    runs: list[int] = []

    async def work(payload: Any) -> str:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.Event().wait()
        return "second"

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        (added,) = await start_with(site, "work")
        await site.stop(hurry=True)
        await site.run_all()
        job = await site.job(added)

    assert (job.result, job.attempt, job.claims) == ("second", 1, 2)


async def test_a_hurried_stop_gives_back_what_a_claim_under_way_still_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased, answer = asyncio.Event(), asyncio.Event()

    async def work(payload: Any) -> None: ...

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        claim = site.store.claim

        async def slow(runner: int, limit: int, suspects: int) -> Any:
            claimed = await claim(runner, limit, suspects)
            if claimed.jobs:
                leased.set()
                await answer.wait()
            return claimed

        monkeypatch.setattr(site.store, "claim", slow)
        added = await site.enqueue("work")
        await site.start()
        await leased.wait()
        stopping = asyncio.create_task(site.stop(hurry=True))
        await site.until_told(RunnerStopping)
        asyncio.get_running_loop().call_later(0.05, answer.set)
        await stopping
        job = await site.job(added)

    assert (job.state, job.attempt, job.crashes) == (JobState.READY, 0, 0)
    assert site.of(JobStarted) == []


async def test_a_part_that_takes_its_statement_back_is_cancelled_once_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancels, left = [], asyncio.Event()

    async def chores(_: Maintenance) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancels.append("first")
            try:
                await left.wait()
                for _ in range(100):  # what psycopg does on its connection meanwhile
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                cancels.append("second")
            cancels.append("ended")
            raise

    monkeypatch.setattr(Maintenance, "run", chores)
    async with open_site(tmp_path, {}) as site:
        leave = site.store.leave

        async def leaving(runner: int) -> None:
            await leave(runner)
            left.set()

        monkeypatch.setattr(site.store, "leave", leaving)
        await site.start()
        await site.stop()
        assert cancels == ["first", "ended"]

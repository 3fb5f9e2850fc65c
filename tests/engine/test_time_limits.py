"""Timeouts, attempts that go on past them, and requests to cancel."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.core.retry import Backoff, RetryPolicy
from kongflow.engine import overruns
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.events import JobCancelled, JobFailed, JobOverrunning, JobRetried, JobStarted
from tests.builders import AT_ONCE, QUICK
from tests.engine.site import open_site
from tests.engine.waiting import PATIENCE, until, until_async

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


@pytest.fixture(autouse=True)
def short_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overruns, "NOTICE_AFTER", 0.05)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What stubborn handlers wait for; opened at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_coroutine_is_cancelled_after_its_timeout_and_tried_again(tmp_path: Path) -> None:
    cancelled: list[bool] = []

    async def slow(payload: Any, job: JobContext) -> str:
        if job.attempt == 2:
            return "second"
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(job.cancelled)
        return "never"

    async with open_site(tmp_path, {"slow": {"run": slow, "timeout": 0.05, "max_attempts": 2}}) as site:
        added = await site.enqueue("slow")
        await site.run_all()
        job = await site.job(added)

    assert (job.state, job.result, job.attempt) == (JobState.SUCCEEDED, "second", 2)
    assert job.error.type == "kongflow.TimedOut"
    assert cancelled == [True]
    assert "kongflow.TimedOut" in site.of(JobRetried)[0].error


async def test_a_thread_is_asked_through_cancelled(tmp_path: Path) -> None:
    def slow(payload: Any, job: SyncJobContext) -> str:
        while not job.cancelled:
            time.sleep(0.005)
        return "too late"

    async with open_site(tmp_path, {"slow": {"run": slow, "timeout": 0.05, "max_attempts": 1}}) as site:
        added = await site.enqueue("slow")
        await site.run_all()
        job = await site.job(added)

    assert (job.state, job.reason, job.result) == (JobState.FAILED, Reason.TIMED_OUT, None)


async def test_a_timeout_that_a_policy_gives_up_on_is_final(tmp_path: Path) -> None:
    async def slow(payload: Any) -> None:
        await asyncio.Event().wait()

    policy = replace(AT_ONCE, give_up_on=("kongflow.TimedOut",))
    async with open_site(tmp_path, {"slow": {"run": slow, "timeout": 0.05, "retry": policy}}) as site:
        added = await site.enqueue("slow")
        await site.run_all()
        job = await site.job(added)

    assert (job.state, job.reason, job.attempt) == (JobState.FAILED, Reason.GAVE_UP, 1)


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_an_overrun_keeps_its_lease_and_slot_and_its_late_result_is_refused(
    tmp_path: Path, gate: threading.Event, in_thread: bool
) -> None:
    release = asyncio.Event()

    def stubborn_thread(payload: Any) -> str:
        gate.wait(PATIENCE)
        return "late"

    async def stubborn_coroutine(payload: Any) -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                pass
        return "late"

    run = stubborn_thread if in_thread else stubborn_coroutine
    tasks = {"slow": {"run": run, "timeout": 0.05, "max_attempts": 1, "queue": "serial"}}
    async with open_site(tmp_path, tasks, queues={"serial": 1}) as site:
        first = await site.enqueue("slow")
        second = await site.enqueue("slow")
        await site.start()
        overrunning = await site.until_told(JobOverrunning)

        async def shown() -> bool:
            return (await site.job(first)).overrunning

        await until_async(shown)
        assert (await site.job(first)).state is JobState.RUNNING
        assert (await site.job(second)).state is JobState.BLOCKED
        gate.set()
        release.set()
        job = await site.ended(first)

    assert (job.state, job.reason, job.result) == (JobState.FAILED, Reason.TIMED_OUT, None)
    assert job.error.type == "kongflow.TimedOut"
    assert (overrunning.job.task, overrunning.timeout) == ("slow", 0.05)
    assert f"in {run.__name__}" in overrunning.stacks, "it says where it hangs"


async def test_overruns_in_half_of_the_slots_end_the_process_with_exit_code_1(
    tmp_path: Path, gate: threading.Event
) -> None:
    def stubborn(payload: Any) -> None:
        gate.wait(PATIENCE)

    async def patient(payload: Any) -> str:
        await asyncio.to_thread(gate.wait, 0.3)
        return "drained"

    four = replace(QUICK, concurrency=4, shutdown_timeout=4.0)
    out_of_grace = {"run": stubborn, "timeout": 0.05, "cancel_grace": 0.1, "max_attempts": 1}
    tasks = {"stubborn": out_of_grace, "patient": {"run": patient}}
    async with open_site(tmp_path, tasks, runner=four) as site:
        patiently = await site.enqueue("patient")
        ids = [await site.enqueue("stubborn") for _ in range(2)]
        await site.start()
        assert site.running is not None
        summary = await site.running
        left = await site.enqueue("patient")

        assert (summary.exit_code, summary.why) == (1, "2 of 4 slots are held by overrunning jobs")
        assert summary.running_on == 2
        assert (await site.job(patiently)).result == "drained"
        assert [(await site.job(id)).reason for id in ids] == [Reason.TIMED_OUT] * 2
        assert (await site.job(left)).state is JobState.READY


async def test_an_attempt_within_its_cancel_grace_does_not_end_the_process(tmp_path: Path) -> None:
    async def tidy(payload: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # cleaning up takes its time, longer than NOTICE_AFTER here

    alone = replace(QUICK, concurrency=1)
    tasks = {"tidy": {"run": tidy, "timeout": 0.05, "max_attempts": 1}}
    async with open_site(tmp_path, tasks, runner=alone) as site:
        added = await site.enqueue("tidy")
        await site.start()
        await site.until_told(JobOverrunning)
        job = await site.ended(added)
        assert site.running is not None
        assert not site.running.done()

    assert (job.state, job.reason) == (JobState.FAILED, Reason.TIMED_OUT)


async def test_an_overrun_that_has_lasted_as_long_again_ends_the_process(
    tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overruns, "SHORTEST_LIMIT", 0.2)

    def stubborn(payload: Any) -> None:
        gate.wait(PATIENCE)

    ten = replace(QUICK, concurrency=10, shutdown_timeout=1.0)
    tasks = {"stubborn": {"run": stubborn, "timeout": 0.05, "cancel_grace": 0.0}}
    async with open_site(tmp_path, tasks, runner=ten) as site:
        await site.enqueue("stubborn")
        await site.start()
        assert site.running is not None
        summary = await site.running

    assert summary.exit_code == 1
    assert "for as long again" in summary.why


async def test_a_cancel_request_ends_a_coroutine_as_cancelled_by_request(tmp_path: Path) -> None:
    async def slow(payload: Any) -> None:
        await asyncio.Event().wait()

    async with open_site(tmp_path, {"slow": {"run": slow}}) as site:
        added = await site.enqueue("slow")
        await site.start()
        await site.until_told(JobStarted)
        await site.store.cancel(added)
        job = await site.ended(added)

    assert (job.state, job.reason, job.error) == (JobState.CANCELLED, Reason.REQUEST, None)
    assert site.of(JobCancelled)[0].reason == "request"


async def test_a_thread_that_stops_early_for_a_cancel_is_cancelled_and_one_that_ends_its_work_succeeds(
    tmp_path: Path,
) -> None:
    def slow(payload: Any, job: SyncJobContext) -> Any:
        while not job.cancelled:
            time.sleep(0.005)
        return payload.get("result")

    async with open_site(tmp_path, {"slow": {"run": slow}}) as site:
        stops = await site.enqueue("slow")
        finishes = await site.enqueue("slow", {"result": "all done"})
        await site.start()
        await site.until_told(JobStarted, 2)
        await site.store.cancel(stops)
        await site.store.cancel(finishes)

        assert (await site.ended(stops)).reason == Reason.REQUEST
        assert (await site.ended(finishes)).state is JobState.SUCCEEDED


async def test_an_error_while_a_cancel_is_obeyed_is_kept_with_the_cancelled_job(tmp_path: Path) -> None:
    async def slow(payload: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    async with open_site(tmp_path, {"slow": {"run": slow}}) as site:
        added = await site.enqueue("slow")
        await site.start()
        await site.until_told(JobStarted)
        await site.store.cancel(added)
        job = await site.ended(added)

    assert (job.state, job.reason, job.error.message) == (JobState.CANCELLED, Reason.REQUEST, "while cleaning up")


async def test_retries_start_within_the_window_of_their_policy(tmp_path: Path) -> None:
    starts: list[float] = []

    async def fails(payload: Any) -> None:
        starts.append(time.monotonic())
        if len(starts) <= 3:
            raise ConnectionError

    policy = RetryPolicy(5, Backoff.EXPONENTIAL, initial_delay=0.1, factor=2.0, jitter=0.1)
    async with open_site(tmp_path, {"fails": {"run": fails, "retry": policy}}) as site:
        added = await site.enqueue("fails")
        await site.start()
        job = await site.ended(added)

    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 4)
    windows = list(policy.windows())
    assert all(window.earliest <= gap + 0.01 for gap, window in zip(gaps, windows, strict=False))
    assert [event.delay for event in site.of(JobRetried)] == sorted(event.delay for event in site.of(JobRetried))
    assert all(w.earliest <= e.delay <= w.latest for e, w in zip(site.of(JobRetried), windows, strict=False))


async def test_an_error_that_a_policy_gives_up_on_fails_at_once(tmp_path: Path) -> None:
    async def fails(payload: Any) -> None:
        raise FileNotFoundError("gone")

    policy = replace(AT_ONCE, give_up_on=("OSError",))
    async with open_site(tmp_path, {"fails": {"run": fails, "retry": policy}}) as site:
        added = await site.enqueue("fails")
        await site.run_all()
        job = await site.job(added)

    assert (job.reason, job.attempt) == (Reason.GAVE_UP, 1)
    await until(lambda: site.of(JobFailed)[0].error == "FileNotFoundError: gone")


async def test_a_handler_that_cleans_up_is_interrupted_once(tmp_path: Path) -> None:
    interrupts = [0]

    async def slow(payload: Any, job: JobContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(30):  # of QUICK's heartbeats, some five
                try:
                    await asyncio.sleep(0.02)
                except asyncio.CancelledError:
                    interrupts[0] += 1

    async with open_site(tmp_path, {"slow": {"run": slow, "timeout": 0.1, "max_attempts": 1}}) as site:
        added = await site.enqueue("slow")
        await site.start()
        await site.until_told(JobStarted)
        await asyncio.sleep(0.15)
        await site.store.cancel(added)
        await site.ended(added)

    assert interrupts == [0]

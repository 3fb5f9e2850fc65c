"""Whatever a handler does is its own job's end: a clear word, nothing lost, and the next job runs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Snooze
from kongflow.engine.attempt import Attempt
from kongflow.engine.events import JobReleased, JobStarted, RunnerStalled
from tests.builders import SHORT_LEASE
from tests.engine.site import open_site

pytestmark = pytest.mark.anyio


def fails(error: BaseException) -> Callable[[Any], Any]:
    def handler(payload: Any) -> None:
        raise error

    return handler


def recurses(payload: Any) -> Any:
    return recurses(payload)


def exits(payload: Any) -> None:
    sys.exit(3)


def returns(value: Any) -> Callable[[Any], Any]:
    def handler(payload: Any) -> Any:
        return value

    return handler


class Nasty(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NotJson:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


BAD_ENDS: dict[str, tuple[Callable[[Any], Any], Reason]] = {
    "binary": (fails(ValueError("\x00\ud800\xff" * 10)), Reason.ERROR),
    "exit": (exits, Reason.ERROR),
    "interrupt": (fails(KeyboardInterrupt()), Reason.ERROR),
    "generator exit": (fails(GeneratorExit()), Reason.ERROR),
    "stop iteration": (fails(StopIteration(1)), Reason.ERROR),
    "cancelled": (fails(asyncio.CancelledError()), Reason.ERROR),
    "recursion": (recurses, Reason.ERROR),
    "memory": (fails(MemoryError()), Reason.ERROR),
    "nasty": (fails(Nasty()), Reason.ERROR),
    "set": (returns({1, 2}), Reason.INVALID_RESULT),
    "nan": (returns(float("nan")), Reason.INVALID_RESULT),
    "object": (returns(NotJson()), Reason.INVALID_RESULT),
    "large": (returns("x" * (1 << 20)), Reason.INVALID_RESULT),
    "surrogate": (returns("\udc80"), Reason.INVALID_RESULT),
    "snooze": (returns(Snooze(-1)), Reason.INVALID_RESULT),
}


@pytest.mark.parametrize("on_loop", [True, False], ids=["coroutine", "thread"])
async def test_every_bad_end_fails_its_own_job_and_no_other(tmp_path: Path, on_loop: bool) -> None:
    def task(run: Callable[[Any], Any]) -> dict[str, Any]:
        async def coroutine(payload: Any) -> Any:
            return run(payload)

        return {"run": coroutine if on_loop else run, "max_attempts": 1}

    tasks = {name.replace(" ", "_"): task(run) for name, (run, _) in BAD_ENDS.items()}
    async with open_site(tmp_path, {**tasks, "good": task(returns("fine"))}) as site:
        ids = {name: await site.enqueue(name) for name in tasks}
        good = await site.enqueue("good")
        summary = await site.run_all()
        jobs = {name: await site.job(id) for name, id in ids.items()}
        assert (await site.job(good)).state is JobState.SUCCEEDED

    assert {name: (job.state, job.reason) for name, job in jobs.items()} == {
        name.replace(" ", "_"): (JobState.FAILED, reason) for name, (_, reason) in BAD_ENDS.items()
    }
    assert (summary.exit_code, summary.failed, summary.succeeded) == (1, len(BAD_ENDS), 1)
    assert jobs["binary"].error.message.startswith("\\u0000\\ud800\xff")
    assert "set" in jobs["set"].error.message


async def test_a_handler_that_blocks_the_loop_costs_neither_its_lease_nor_the_jobs_behind_it(tmp_path: Path) -> None:
    started: list[float] = []

    async def blocks(payload: Any) -> None:
        started.append(time.monotonic())
        if len(started) == 1:
            time.sleep(1.5 * SHORT_LEASE.lease)

    async with open_site(tmp_path, {"work": {"run": blocks}}, runner=SHORT_LEASE) as site:
        ids = [await site.enqueue("work") for _ in range(3)]
        await site.run_all()
        jobs = [await site.job(id) for id in ids]

    assert [(job.state, job.attempt, job.crashes) for job in jobs] == [(JobState.SUCCEEDED, 1, 0)] * 3
    assert len(site.of(JobReleased)) == 2, "those behind it did not start in time, and were given back"
    assert len(site.of(JobStarted)) == 3
    assert site.of(RunnerStalled) == []


async def test_a_job_that_could_not_start_in_time_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []

    async def work(payload: Any) -> None:
        ran.append(payload)

    late = iter([True])

    def is_too_late(attempt: Attempt, lease: float) -> bool:
        return next(late, False)

    monkeypatch.setattr(Attempt, "is_too_late", is_too_late)
    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)

    assert (job.state, job.attempt, job.claims, job.crashes) == (JobState.SUCCEEDED, 1, 2, 0)
    assert len(ran) == 1

"""`isolation: process`: children that crash, hang, take too much, and are killed. Each of them dies alone."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import Job, JobState, Reason
from kongflow.engine.events import JobCrashed, JobLost, JobOverrunning, PartFailed
from kongflow.errors import InvalidConfig
from kongflow.store.open import open_store
from tests.builders import QUICK
from tests.engine import child_handlers
from tests.engine.children import in_child, noted, until_gone
from tests.engine.site import open_site
from tests.engine.thief import thief_beside
from tests.engine.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]

HUNG = (child_handlers.sleeps, child_handlers.matches)
"""In a system call, and in C code that holds the interpreter."""

LONG_ENOUGH = 3.0
"""Seconds: of a timeout that comes when the child is there and has begun."""


CRASHES = {
    child_handlers.segfault: "ended by SIGSEGV",
    child_handlers.exits: "ended with exit code 7 in the middle of the job",
    child_handlers.is_killed: "ended by SIGKILL, as the system does where memory runs out",
    child_handlers.forks_and_dies: "ended with exit code 3",
    child_handlers.closes_everything: "ended by SIGKILL",
}


async def test_a_crash_is_that_jobs_alone_and_counts_against_its_crash_limit(tmp_path: Path) -> None:
    tasks = {run.__name__: in_child(run, crash_limit=2) for run in CRASHES}
    async with open_site(tmp_path, {**tasks, "wait": in_child(child_handlers.waits_until_told)}) as site:
        waiting = await site.enqueue("wait", {"note": str(tmp_path / "note"), "returns": "untouched"})
        await site.start()
        await noted(tmp_path / "note")
        ends = [await site.ended(await site.enqueue(task)) for task in tasks]
        assert (await site.job(waiting)).state is JobState.RUNNING
        await site.store.cancel(waiting)
        bystander = await site.ended(waiting)
        await site.stop()

    for crashed, told in zip(ends, CRASHES.values(), strict=True):
        assert (crashed.state, crashed.reason, crashed.attempt, crashed.crashes) == (
            JobState.FAILED, Reason.CRASHED, 0, 2
        )  # fmt: skip
        assert [attempt.error.type for attempt in crashed.attempts if attempt.error] == ["kongflow.Crashed"] * 2
        first = crashed.attempts[0].error
        assert first is not None
        assert told in first.message
        assert "crash 1 of this job" in first.message
    assert [event.job.task for event in site.of(JobCrashed)] == list(tasks)
    assert (bystander.state, bystander.result, bystander.attempt) == (JobState.SUCCEEDED, "untouched", 1)


async def test_a_segfault_leaves_the_stack_of_the_handler(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"crash": in_child(child_handlers.segfault, crash_limit=1)}) as site:
        added = await site.enqueue("crash")
        await site.run_all()
        job = await site.job(added)

    assert job.error is not None
    assert "in segfault" in job.error.traceback
    assert "kongflow/engine" not in job.error.traceback


async def test_an_attempt_that_ends_with_an_outcome_clears_the_record(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": in_child(child_handlers.crashes_once, max_attempts=1)}) as site:
        added = await site.enqueue("work")
        summary = await site.run_all()
        job = await site.job(added)

    assert (job.state, job.result, job.attempt, job.claims) == (JobState.SUCCEEDED, "went on", 1, 2)
    assert (summary.succeeded, summary.retried, summary.failed) == (1, 1, 0)


@pytest.mark.parametrize("run", HUNG, ids=["sleep", "regex"])
async def test_the_timeout_ends_c_code_and_says_where_it_was(tmp_path: Path, run: Any) -> None:
    tasks = {"hang": in_child(run, timeout=LONG_ENOUGH, cancel_grace=0.1)}
    async with open_site(tmp_path, tasks) as site:
        added = await site.enqueue("hang", {"note": str(tmp_path / "note")})
        await site.run_all()
        job = await site.job(added)
        pid = int(await noted(tmp_path / "note"))
        await until_gone(pid)

    assert (job.state, job.reason, job.attempt, job.crashes) == (JobState.FAILED, Reason.TIMED_OUT, 1, 0)
    assert job.error is not None
    assert job.error.type == "kongflow.TimedOut"
    assert f"in {run.__name__}" in job.error.traceback
    assert site.of(JobOverrunning) == []


async def test_a_handler_that_ends_within_its_grace_is_not_killed(tmp_path: Path) -> None:
    tasks = {
        "wait": in_child(child_handlers.waits_until_told, timeout=LONG_ENOUGH),
        "pid": in_child(child_handlers.pid),
    }
    async with open_site(tmp_path, tasks, runner=replace(QUICK, concurrency=1)) as site:
        await site.start()
        late = await site.ended(await site.enqueue("wait", {"note": str(tmp_path / "note"), "returns": "late"}))
        after = await site.ended(await site.enqueue("pid"))
        await site.stop()

    assert (late.state, late.reason, late.result) == (JobState.FAILED, Reason.TIMED_OUT, None)
    assert str(after.result) == await noted(tmp_path / "note"), "the same child"


async def test_a_cancel_is_heard_by_the_handler(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"wait": in_child(child_handlers.waits_until_told)}) as site:
        added = await site.enqueue("wait", {"note": str(tmp_path / "note")})
        await site.start()
        await noted(tmp_path / "note")
        await site.store.cancel(added)
        job = await site.ended(added)

    assert (job.state, job.reason) == (JobState.CANCELLED, Reason.REQUEST)


@pytest.mark.parametrize("run", HUNG, ids=["sleep", "regex"])
async def test_a_cancel_that_is_not_obeyed_is_carried_out_after_its_grace(tmp_path: Path, run: Any) -> None:
    async with open_site(tmp_path, {"hang": in_child(run, cancel_grace=0.1)}) as site:
        added = await site.enqueue("hang", {"note": str(tmp_path / "note")})
        await site.start()
        pid = int(await noted(tmp_path / "note"))
        await site.store.cancel(added)
        job = await site.ended(added)
        await until_gone(pid)

    assert (job.state, job.reason, job.crashes) == (JobState.CANCELLED, Reason.REQUEST, 0)


@pytest.mark.parametrize("timeout", [4.0, 1.6])
async def test_at_the_end_of_a_run_the_job_is_given_back_and_the_child_is_gone(tmp_path: Path, timeout: float) -> None:
    tasks = {"hang": in_child(child_handlers.matches)}
    async with open_site(tmp_path, tasks, runner=replace(QUICK, shutdown_timeout=timeout)) as site:
        added = await site.enqueue("hang", {"note": str(tmp_path / "note")})
        await site.start()
        pid = int(await noted(tmp_path / "note"))
        summary = await asyncio.wait_for(site.stop(hurry=True), PATIENCE)
        job = await site.job(added)
        await until_gone(pid)

    assert (job.state, job.attempt, job.crashes, job.claims) == (JobState.READY, 0, 0, 1)
    assert (summary.exit_code, summary.released) == (0, 1)


async def test_a_job_that_was_given_to_another_runner_is_killed_soon(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"hang": in_child(child_handlers.sleeps, cancel_grace=0.1)}) as site:
        await site.enqueue("hang", {"note": str(tmp_path / "note")})
        async with thief_beside(site, open_store(site.catalog.database, 0.05)) as thief:
            pid = int(await noted(tmp_path / "note"))
            (stolen,) = await thief.steal()
            await thief.let_the_heartbeat_go_on()
            await site.until_told(JobLost)
            await until_gone(pid)
            job = await site.job(stolen.id)

    assert (job.state, job.claims, job.crashes) == (JobState.RUNNING, 2, 1), "of the runner that seemed dead"


async def test_what_a_handler_has_started_dies_with_its_child(tmp_path: Path) -> None:
    tasks = {"start": in_child(child_handlers.starts_a_program, timeout=LONG_ENOUGH, cancel_grace=0.0)}
    async with open_site(tmp_path, tasks) as site:
        await site.enqueue("start", {"note": str(tmp_path / "note")})
        await site.run_all()
        await until_gone(int(await noted(tmp_path / "note")))


async def test_a_child_that_dies_between_two_jobs_costs_none_of_them_anything(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"pid": in_child(child_handlers.pid)}) as site:
        await site.start()
        for _ in range(5):
            first = await site.ended(await site.enqueue("pid"))
            os.kill(first.result, signal.SIGKILL)
            second = await site.ended(await site.enqueue("pid"))
            assert (second.state, second.attempt, second.crashes) == (JobState.SUCCEEDED, 1, 0)
            assert second.result != first.result
        await site.stop()


async def test_a_fork_server_that_dies_is_started_again(tmp_path: Path) -> None:
    tasks = {"parents": in_child(child_handlers.parents), "hang": in_child(child_handlers.sleeps, crash_limit=1)}
    async with open_site(tmp_path, tasks) as site:
        await site.start()
        first = await site.ended(await site.enqueue("parents"))
        hung = await site.enqueue("hang", {"note": str(tmp_path / "note")})
        child = int(await noted(tmp_path / "note"))
        os.kill(first.result[0], signal.SIGKILL)
        crashed = await site.ended(hung)
        await until_gone(child)
        second = await site.ended(await site.enqueue("parents"))
        await site.stop()

    assert (crashed.state, crashed.reason) == (JobState.FAILED, Reason.CRASHED)
    assert second.state is JobState.SUCCEEDED
    assert second.result[0] != first.result[0]
    assert site.of(PartFailed) == []


async def hog(folder: Path, size: int, **fields: Any) -> Job:
    async with open_site(folder, {"hog": in_child(child_handlers.hogs, **fields)}) as site:
        added = await site.enqueue("hog", {"bytes": size})
        await site.run_all()
        return await site.job(added)


async def test_more_memory_than_its_limit_is_a_failure_that_says_where(tmp_path: Path) -> None:
    job = await hog(tmp_path, 400 << 20, memory_limit=256 << 20)

    assert (job.state, job.reason, job.attempt, job.crashes) == (JobState.FAILED, Reason.ERROR, 1, 0)
    assert job.error is not None
    assert (job.error.type, job.error.message) == (
        "MemoryError", "more than the memory_limit of 256MiB was asked for"
    )  # fmt: skip
    assert "in hogs" in job.error.traceback


async def test_less_memory_than_its_limit_is_fine(tmp_path: Path) -> None:
    assert (await hog(tmp_path, 50 << 20, memory_limit=256 << 20)).state is JobState.SUCCEEDED


async def test_without_a_limit_there_is_none(tmp_path: Path) -> None:
    assert (await hog(tmp_path, 400 << 20)).state is JobState.SUCCEEDED


async def test_what_another_job_has_kept_does_not_count_against_a_limit(tmp_path: Path) -> None:
    tasks = {
        "keep": in_child(child_handlers.keeps),
        "hog": in_child(child_handlers.hogs, memory_limit=256 << 20),
    }
    async with open_site(tmp_path, tasks, runner=replace(QUICK, concurrency=1)) as site:
        await site.enqueue("keep", {"bytes": 300 << 20})
        after = await site.enqueue("hog", {"bytes": 50 << 20})
        await site.run_all()
        job = await site.job(after)

    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)


async def test_a_limit_that_leaves_a_child_no_room_is_told_at_the_start(tmp_path: Path) -> None:
    tasks = {"hog": in_child(child_handlers.hogs, memory_limit=1 << 20)}
    with pytest.raises(InvalidConfig, match=r"task 'hog' has `memory_limit: 1MiB`, and Python .* write \d+MiB or more"):
        async with open_site(tmp_path, tasks) as site:
            await site.runner.run(until_idle=True)

    async with open_site(tmp_path, {"hog": in_child(child_handlers.hogs)}) as site:
        assert await site.store.runners() == [], "it has left"

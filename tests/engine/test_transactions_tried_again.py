"""A job's own transaction that was rolled back: another may be opened, and no stop is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.engine.attempt import Stop
from kongflow.engine.context import JobContext, SyncJobContext
from tests.engine.effects import WRITE, children, effects, open_with_effects

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_one_that_was_rolled_back_can_be_tried_again(tmp_path: Path, in_thread: bool) -> None:
    async def coroutine(payload: Any, job: JobContext) -> None:
        with suppress(ZeroDivisionError):
            async with job.transaction() as tx:
                await tx.execute(WRITE, {"name": "first"})
                await tx.enqueue("child")
                _ = 1 / 0
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "second"})
            await tx.enqueue("child")

    def thread(payload: Any, job: SyncJobContext) -> None:
        with suppress(ZeroDivisionError), job.transaction() as tx:
            tx.execute(WRITE, {"name": "first"})
            tx.enqueue("child")
            _ = 1 / 0
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "second"})
            tx.enqueue("child")

    async with open_with_effects(tmp_path, thread if in_thread else coroutine) as site:
        added = await site.enqueue("work")
        await site.run_all()
        assert (await site.job(added)).state is JobState.SUCCEEDED
        assert await effects(site) == ["second"]
        assert await children(site) == 1


def fail_at_the_fence(job: JobContext, meanwhile: Callable[[], object]) -> None:
    """Let the end of the job's transaction fail, and something happen just before."""

    def fence(connection: object) -> None:
        meanwhile()
        raise ZeroDivisionError

    completion = job._transaction._completion
    completion.fence = fence


async def test_a_timeout_during_a_commit_that_fails_counts_as_an_attempt(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> None:
        async with job.transaction():
            fail_at_the_fence(job, job._attempt.time_out)

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        assert (job.state, job.reason, job.attempt) == (JobState.FAILED, Reason.TIMED_OUT, 1)


async def test_a_stop_during_a_commit_that_fails_is_not_forgotten(tmp_path: Path) -> None:
    calls: list[JobContext] = []

    async def work(payload: Any, job: JobContext) -> None:
        calls.append(job)
        if len(calls) == 2:
            return  # given back, and claimed again
        with suppress(ZeroDivisionError):
            async with job.transaction():
                fail_at_the_fence(job, lambda: job._attempt.stop(Stop.RELEASE))
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "after the stop"})

    async with open_with_effects(tmp_path, work) as site:
        await site.enqueue("work")
        await site.run_all()
        assert await effects(site) == []

    assert len(calls) == 2

"""Runs under way, their calls, and what a test asks of them."""

from __future__ import annotations

from typing import Any

from catalog.app.models import ExecutionReason, JobQueue, RunStatus
from catalog.app.work import transaction
from catalog.running.executions import add_execution
from kongflow import Job, KongFlow
from kongflow.testing import enqueued
from tests.catalog.stage import add_run, one, set_stage


async def begin_run(
    flow: KongFlow, url: str, *, reason: ExecutionReason = ExecutionReason.EXECUTE_JOB, **columns: Any
) -> str:
    """Add a run that has just started, with a slot and its first execution; return its id."""
    stage = await set_stage(url, max_jobs=1)
    preprocessing = reason is ExecutionReason.PREPROCESS
    status = RunStatus.PREPROCESSING if preprocessing else RunStatus.STARTED
    run_id = await add_run(stage, status, preprocess=preprocessing, **columns)
    await call(flow, run_id, reason)
    return run_id


async def call(flow: KongFlow, run_id: str, reason: ExecutionReason = ExecutionReason.EXECUTE_JOB) -> None:
    """Let a run call its endpoint once more."""
    async with transaction(flow) as work:
        await add_execution(work, run_id, reason)


async def make_calls(flow: KongFlow) -> None:
    """Make the calls that are due; what follows the end of a run waits."""
    await flow.run(queues=["runs:*"], until_idle=True)


async def call_until_the_end(flow: KongFlow) -> None:
    """Make every call, moving the store's clock past each delay."""
    await make_calls(flow)
    while await waiting(flow):
        flow.store.advance(60)
        await make_calls(flow)


async def waiting(flow: KongFlow) -> list[Job]:
    """Return the jobs of the calls that are still to be made."""
    return [job for job in await enqueued(flow, "performRunExecution") if not job.finished_at]


async def other_tasks(flow: KongFlow) -> list[str]:
    """Return the tasks whose jobs were added, but for the calls."""
    return sorted({job.task for job in await enqueued(flow)} - {"performRunExecution"})


async def slots() -> int:
    """Return how many slots are taken."""
    return (await one(JobQueue)).job_count

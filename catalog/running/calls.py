"""The call of an execution: made ready in one transaction, and made outside of any."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from catalog.app.models import (
    EnvironmentType,
    ExecutionReason,
    ExecutionStatus,
    JobRun,
    JobRunExecution,
    Project,
    RuntimeEnvironment,
    Task,
    TaskStatus,
)
from catalog.app.models.base import now
from catalog.running.answers import read_execution, read_preprocessing
from catalog.running.bodies import execute_body, preprocess_body
from catalog.running.endings import lock_run
from catalog.running.executions import CANCELED, OPEN, close_execution
from catalog.running.steps import Fail, Step
from catalog.wire.endpoint import Target, call
from catalog.wire.request import Answer, Limits, NoAnswer, printable_url

LIMITS = Limits(timeout=300.0)
"""Of a call; the task's own time limit leaves room for the rest."""

ACTIONS = {ExecutionReason.PREPROCESS: "PREPROCESS_RUN", ExecutionReason.EXECUTE_JOB: "EXECUTE_JOB"}


@dataclass(frozen=True, slots=True)
class Call:
    """An execution that is about to be made. `lost`: its job was lost too often, and it is not made any more."""

    execution_id: str
    run_id: str
    reason: ExecutionReason
    target: Target
    body: Any
    lost: bool = False


async def prepare(session: AsyncSession, execution_id: str, claim: tuple[int, int]) -> Call | None:
    """Mark an execution as started, and return the call to make; None where there is nothing to call for any more.

    `claim`: the number of the job that makes it, and of its claim. One that was started before is called again: whoever
    made that call has died, or could not keep the answer. Should he wake, his claim is the earlier one.
    """
    execution = await session.get(JobRunExecution, execution_id)
    if execution is None:
        return None
    # First the run, then what belongs to it, as everywhere; and then again what was read before.
    run = await lock_run(session, execution.run_id)
    await session.refresh(execution)
    if run is None or execution.status not in OPEN:
        return None
    if (execution.job_number, execution.job_claims) > claim:
        return None
    execution.job_number, execution.job_claims = claim
    if not run.status.holds_slot:
        close_execution(execution, ExecutionStatus.FAILURE, {"message": CANCELED})
        return None
    execution.status = ExecutionStatus.STARTED
    execution.started_at = now()
    if execution.resume_task_id is not None:
        await _resume_task(session, execution.resume_task_id)
    await session.flush()
    run = await _with_everything(session, run.id)
    environment = run.environment
    target = Target(run.endpoint.url, environment.type is EnvironmentType.DEVELOPMENT, environment.api_key)
    if execution.reason is ExecutionReason.PREPROCESS:
        body = preprocess_body(run)
    else:
        body = await execute_body(session, run, execution)
    lost = execution.retry_count > execution.retry_limit
    return Call(execution.id, run.id, execution.reason, target, body, lost)


async def make(call_: Call) -> Step:
    """Call the endpoint, and return what its answer means for the run."""
    if call_.lost:
        return Fail({"message": "The calls of this run broke down each time, without an answer that could be kept"})
    answer: Answer | NoAnswer
    try:
        answer = await call(call_.target, ACTIONS[call_.reason], call_.body, limits=LIMITS)
    except NoAnswer as problem:
        answer = problem
    # A large answer takes seconds to read, in which other jobs go on.
    if call_.reason is ExecutionReason.PREPROCESS:
        return await asyncio.to_thread(read_preprocessing, answer)
    return await asyncio.to_thread(read_execution, answer, printable_url(call_.target.url))


async def _resume_task(session: AsyncSession, task_id: str) -> None:
    task = await session.get(Task, task_id, with_for_update={"key_share": True})
    if task is None or task.status.is_final:
        return
    if task.noop:
        task.status, task.completed_at = TaskStatus.COMPLETED, now()
    else:
        task.status = TaskStatus.RUNNING


async def _with_everything(session: AsyncSession, run_id: str) -> JobRun:
    of_project = joinedload(RuntimeEnvironment.project).joinedload(Project.organization)
    found = select(JobRun).where(JobRun.id == run_id)
    found = found.options(
        joinedload(JobRun.job),
        joinedload(JobRun.version),
        joinedload(JobRun.event),
        joinedload(JobRun.endpoint),
        joinedload(JobRun.external_account),
        joinedload(JobRun.environment).options(of_project),
    )
    return (await session.scalars(found.execution_options(populate_existing=True))).one()

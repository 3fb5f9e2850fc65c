"""Executions: one call of a run's endpoint each, with the job that makes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from catalog.app.models import ExecutionReason, ExecutionStatus, JobRunExecution
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.client import JobKeyMode
from kongflow import Job

RETRY_LIMITS = {ExecutionReason.PREPROCESS: 2, ExecutionReason.EXECUTE_JOB: 10}
"""As in Trigger.dev 2.0."""

OPEN = (ExecutionStatus.PENDING, ExecutionStatus.STARTED)
CANCELED = "This never ran because it was canceled by the user."
UNDER_WAY = "The run ended while this call was under way."


async def add_execution(
    work: Work,
    run_id: str,
    reason: ExecutionReason = ExecutionReason.EXECUTE_JOB,
    *,
    resume_task_id: str | None = None,
    at: datetime | None = None,
    is_retry: bool = False,
) -> JobRunExecution:
    """Add an execution of a run, and the job that makes it at a time, or at once."""
    execution = JobRunExecution(
        run_id=run_id,
        reason=reason,
        retry_limit=RETRY_LIMITS[reason],
        resume_task_id=resume_task_id,
        is_retry=is_retry,
        due_at=at or now(),
    )
    work.session.add(execution)
    await work.session.flush()
    await enqueue_execution(work, execution)
    return execution


async def resume(work: Work, run_id: str, task_id: str | None = None, at: datetime | None = None) -> None:
    """Let a run go on, with a task or as it is, unless an execution that will do this waits already.

    Tasks that go side by side are named by every answer until they are done; without this each answer would double
    the calls.
    """
    waits = select(JobRunExecution.id).where(
        JobRunExecution.run_id == run_id,
        JobRunExecution.status == ExecutionStatus.PENDING,
        JobRunExecution.resume_task_id == task_id,
        JobRunExecution.due_at <= (at or now()),
    )
    if (await work.session.scalars(waits.limit(1))).first() is None:
        await add_execution(work, run_id, resume_task_id=task_id, at=at)


async def enqueue_execution(work: Work, execution: JobRunExecution, *, job_key_mode: JobKeyMode = "replace") -> Job:
    """Enqueue the call of an execution for when it is due. Calls of one run take turns.

    The newest job of an execution is the one that counts, also where it is added by the one before it, which runs.
    """
    return await work.enqueue(
        "performRunExecution",
        {"id": execution.id},
        queue=f"runs:{execution.run_id}",
        run_at=execution.due_at,
        job_key=f"execution:{execution.id}",
        job_key_mode=job_key_mode,
    )


async def try_again(work: Work, execution: JobRunExecution, error: Any) -> bool:
    """Make the call of an execution once more, later; False where it was made often enough."""
    if execution.retry_count >= execution.retry_limit:
        return False
    execution.retry_count += 1
    execution.retry_delay_ms = retry_delay_ms(execution.retry_count)
    execution.error = error
    execution.due_at = now() + timedelta(milliseconds=execution.retry_delay_ms)
    await work.session.flush()
    await enqueue_execution(work, execution)
    return True


def retry_delay_ms(retry: int) -> int:
    """Return how long the first, second, … retry waits: half a second, and half as long again each time."""
    return round(500 * 1.5 ** (retry - 1))


def close_execution(execution: JobRunExecution, status: ExecutionStatus, error: Any = None) -> None:
    """End an execution."""
    execution.status = status
    execution.completed_at = now()
    execution.error = error


async def close_executions(work: Work, run_id: str, error: str) -> None:
    """End what a run that has ended still has open; an answer that is under way then changes nothing."""
    await work.session.flush()
    for status, message in ((ExecutionStatus.PENDING, error), (ExecutionStatus.STARTED, UNDER_WAY)):
        await work.session.execute(
            update(JobRunExecution)
            .where(JobRunExecution.run_id == run_id, JobRunExecution.status == status)
            .values(status=ExecutionStatus.FAILURE, completed_at=now(), error={"message": message})
        )

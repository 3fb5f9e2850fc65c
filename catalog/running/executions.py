"""Executions: one call of a run's endpoint each, with the job that makes it."""

from __future__ import annotations

from datetime import datetime

from catalog.app.models import ExecutionReason, JobRunExecution
from catalog.app.models.base import now
from catalog.app.work import Work

RETRY_LIMITS = {ExecutionReason.PREPROCESS: 2, ExecutionReason.EXECUTE_JOB: 10}
"""As in Trigger.dev 2.0."""


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


async def enqueue_execution(work: Work, execution: JobRunExecution) -> None:
    """Enqueue the call of an execution for when it is due. One that waits or runs already is left as it is."""
    await work.enqueue(
        "performRunExecution",
        {"id": execution.id},
        run_at=execution.due_at,
        job_key=f"execution:{execution.id}",
        job_key_mode="unsafe_dedupe",
    )

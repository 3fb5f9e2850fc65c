"""Recovery: starts, calls and operations whose job is gone, because it failed for good or somebody cancelled it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Row, and_, exists, func, or_, select

from catalog.app.models import JobRun, JobRunExecution, RunStatus, Task, TaskStatus
from catalog.app.models.base import now
from catalog.app.models.connections import missing_connection_runs
from catalog.app.work import Work
from catalog.running.create import enqueue_start
from catalog.running.endings import lock_run
from catalog.running.executions import OPEN, enqueue_execution, resume
from catalog.running.tasks import enqueue_operation, fail_task, find_task, retry_task

OVERDUE_AFTER = timedelta(minutes=5)
"""How long after its time something that has not ended is looked at; what has a job that is only late keeps it."""

AT_ONCE = 100
"""Of each kind, that one look takes; the others follow in the next."""

MAX_ATTEMPTS = 10
"""Of an operation, when its job is lost once more."""

LOST = "the job of this operation was lost"


async def recover(work: Work) -> int:
    """Enqueue anew the starts, calls and operations that lost their job, and return how many these were.

    What has a job, waiting or running, keeps it. Each loss counts as a try, so that what always breaks its job ends at
    the limit.
    """
    # Runs are locked before executions, as everywhere.
    runs = await _recover_starts(work) + await _recover_operations(work) + await _recover_idle(work)
    return runs + await _recover_calls(work)


async def _recover_starts(work: Work) -> int:
    recovered = 0
    for run in await _overdue_starts(work):
        # Whatever comes of it, it is looked at again when this is long ago; others come first until then.
        run.looked_at = now()
        recovered += (await enqueue_start(work, run, job_key_mode="unsafe_dedupe")).created
    return recovered


async def _overdue_starts(work: Work) -> Sequence[JobRun]:
    """Return runs that nothing keeps from starting: new ones, and those whose connections have come."""
    waits = exists().where(missing_connection_runs.c.run_id == JobRun.id)
    wants_to_start = or_(
        JobRun.status == RunStatus.PENDING, and_(JobRun.status == RunStatus.WAITING_ON_CONNECTIONS, ~waits)
    )
    seen = func.coalesce(JobRun.looked_at, JobRun.created_at)
    overdue = select(JobRun).where(wants_to_start, seen < now() - OVERDUE_AFTER).order_by(seen).limit(AT_ONCE)
    # One that somebody has in hand is not lost.
    overdue = overdue.with_for_update(key_share=True, skip_locked=True)
    return (await work.session.scalars(overdue)).all()


async def _recover_idle(work: Work) -> int:
    """Let runs go on that are under way, and have neither a call nor an operation: nobody else would."""
    recovered = 0
    for id in await _idle_runs(work):
        run = await lock_run(work.session, id)
        if run is not None and id in await _idle_runs(work, id):
            run.looked_at = now()
            await resume(work, id)
            recovered += 1
    return recovered


async def _idle_runs(work: Work, id: str | None = None) -> Sequence[str]:
    calls = exists().where(JobRunExecution.run_id == JobRun.id, JobRunExecution.status.in_(OPEN))
    working = (TaskStatus.RUNNING, TaskStatus.WAITING)
    operations = exists().where(Task.run_id == JobRun.id, Task.operation.is_not(None), Task.status.in_(working))
    seen = func.coalesce(JobRun.looked_at, JobRun.started_at)
    idle = select(JobRun.id).where(
        JobRun.status == RunStatus.STARTED, ~calls, ~operations, seen < now() - OVERDUE_AFTER
    )
    if id is not None:
        idle = idle.where(JobRun.id == id)
    return sorted(await work.session.scalars(idle.order_by(seen).limit(AT_ONCE)))


async def _recover_calls(work: Work) -> int:
    recovered = 0
    for execution in await _overdue_calls(work):
        # Whatever comes of it, it is looked at again when this is long ago; others come first until then.
        execution.due_at = now()
        job = await enqueue_execution(work, execution, job_key_mode="unsafe_dedupe")
        if job.created:
            execution.retry_count += 1
            recovered += 1
    return recovered


async def _overdue_calls(work: Work) -> Sequence[JobRunExecution]:
    overdue = (
        select(JobRunExecution)
        .where(JobRunExecution.status.in_(OPEN), JobRunExecution.due_at < now() - OVERDUE_AFTER)
        .order_by(JobRunExecution.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return (await work.session.scalars(overdue)).all()


async def _recover_operations(work: Work) -> int:
    recovered = 0
    for row in await _overdue_operations(work):
        run = await lock_run(work.session, row.run_id)
        task = None if run is None else await find_task(work.session, run, row.id)
        if run is not None and task is not None and not (run.status.is_final or task.status.is_final):
            recovered += await _recover_operation(work, run, task)
    return recovered


async def _overdue_operations(work: Work) -> Sequence[Row[tuple[str, str]]]:
    """Return the ids of tasks and their runs. Nothing is locked: runs are, before their tasks, in one order for all."""
    overdue = (
        select(Task.id, Task.run_id)
        .join(JobRun, JobRun.id == Task.run_id)
        .where(Task.operation.is_not(None), Task.status.in_((TaskStatus.RUNNING, TaskStatus.WAITING)))
        .where(JobRun.status == RunStatus.STARTED, Task.due_at < now() - OVERDUE_AFTER)
        .order_by(Task.due_at)
        .limit(AT_ONCE)
    )
    return sorted(await work.session.execute(overdue), key=lambda row: row.run_id)


async def _recover_operation(work: Work, run: JobRun, task: Task) -> bool:
    job = await enqueue_operation(work, task, job_key_mode="unsafe_dedupe")
    if not job.created:
        return False
    if len(task.attempts) >= MAX_ATTEMPTS:
        # The job that was just added finds a task that has ended.
        fail_task(task, {"message": LOST})
        await resume(work, run.id)
    else:
        retry_task(task, LOST, now())
    return True

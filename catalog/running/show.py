"""Runs as people read them: a list, and all there is about one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from catalog.app.models import JobRun, JobRunExecution, RunConnection, RunStatus, Task


async def list_runs(session: AsyncSession, *, status: RunStatus | None = None, limit: int = 50) -> Sequence[JobRun]:
    """Return the newest runs, each with its job and version."""
    newest = (
        select(JobRun)
        .order_by(JobRun.created_at.desc(), JobRun.id)
        .limit(limit)
        .options(joinedload(JobRun.job), joinedload(JobRun.version))
    )
    if status is not None:
        newest = newest.where(JobRun.status == status)
    return (await session.scalars(newest)).all()


async def show_run(session: AsyncSession, run_id: str) -> dict[str, Any] | None:
    """Return a run with its executions and tasks, oldest first, as JSON; None where there is no such run."""
    found = select(JobRun).where(JobRun.id == run_id)
    found = found.options(joinedload(JobRun.job), joinedload(JobRun.version), joinedload(JobRun.event))
    run = (await session.scalars(found)).one_or_none()
    if run is None:
        return None
    executions = select(JobRunExecution).filter_by(run_id=run_id).order_by(JobRunExecution.created_at)
    tasks = select(Task).filter_by(run_id=run_id).order_by(Task.created_at, Task.id)
    connections = select(RunConnection).filter_by(run_id=run_id).order_by(RunConnection.key)
    return {
        "id": run.id,
        "number": run.number,
        "status": run.status,
        "job": run.job.slug,
        "version": run.version.version,
        "event": {"id": run.event.event_id, "name": run.event.name, "payload": run.event.payload},
        "is_test": run.is_test,
        "properties": run.properties,
        "output": run.output,
        **_times(run, "created_at", "queued_at", "started_at", "completed_at"),
        "connections": {each.key: each.connection_id or "LOCAL" for each in await session.scalars(connections)},
        "executions": [_execution(each) for each in await session.scalars(executions)],
        "tasks": [_task(each) for each in await session.scalars(tasks)],
    }


def _execution(execution: JobRunExecution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "reason": execution.reason,
        "status": execution.status,
        "retry_count": execution.retry_count,
        "resume_task_id": execution.resume_task_id,
        "error": execution.error,
        **_times(execution, "due_at", "started_at", "completed_at"),
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "key": task.display_key,
        "description": task.description,
        "status": task.status,
        "output": task.output,
        **_times(task, "delay_until", "started_at", "completed_at"),
    }


def _times(row: object, *names: str) -> dict[str, str | None]:
    return {name: instant and instant.isoformat() for name in names for instant in [getattr(row, name)]}

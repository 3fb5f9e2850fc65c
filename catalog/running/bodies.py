"""What an endpoint is sent: who calls it, for which event, and what the run has done already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from catalog.app.models import JobRun, JobRunExecution, Task, TaskStatus
from catalog.app.models.base import now
from catalog.wire.times import write_time

CACHED_BYTES = 3_500_000
"""Of tasks in one call. What is left out the endpoint asks for again, one by one, and gets as it was."""

CHUNK_MS = 60_000
"""How long an endpoint goes on before it gives way to the next call."""

AUTO_YIELD = {
    "startTaskThreshold": 750,
    "beforeExecuteTaskThreshold": 1500,
    "beforeCompleteTaskThreshold": 750,
    "afterCompleteTaskThreshold": 750,
}
"""Milliseconds that must be left of it to do so; as in Trigger.dev 2.3."""


def preprocess_body(run: JobRun) -> dict[str, Any]:
    """Return the body of PREPROCESS_RUN."""
    environment, organization = run.environment, run.environment.project.organization
    body: dict[str, Any] = {
        "event": _event(run),
        "job": {"id": run.job.slug, "version": run.version.version},
        "run": {"id": run.id, "isTest": run.is_test},
        "environment": {"id": environment.id, "slug": environment.slug, "type": environment.type},
        "organization": {"id": organization.id, "slug": organization.slug, "title": organization.title},
    }
    if run.external_account is not None:
        account = run.external_account
        body["account"] = {"id": account.identifier, "metadata": account.account_metadata}
    return body


async def execute_body(session: AsyncSession, run: JobRun, execution: JobRunExecution) -> dict[str, Any]:
    """Return the body of EXECUTE_JOB."""
    body = preprocess_body(run)
    body["run"] |= {"isRetry": execution.is_retry, "startedAt": write_time(run.started_at or now())}
    project = run.environment.project
    body["project"] = {"id": project.id, "slug": project.slug, "name": project.name}
    if run.event.source_context is not None:
        body["source"] = run.event.source_context
    return body | {
        "connections": {},
        "tasks": await _cached_tasks(session, run.id, execution.resume_task_id),
        "yieldedExecutions": run.yielded_executions,
        "runChunkExecutionLimit": CHUNK_MS,
        "autoYieldConfig": AUTO_YIELD,
    }


def _event(run: JobRun) -> dict[str, Any]:
    event = run.event
    return {
        "id": event.event_id,
        "name": event.name,
        "payload": event.payload,
        "context": event.context,
        "timestamp": write_time(event.timestamp),
        "deliverAt": write_time(event.deliver_at),
        "deliveredAt": _time(event.delivered_at),
        "cancelledAt": _time(event.cancelled_at),
    }


WHAT_IS_CACHED = load_only(Task.idempotency_key, Task.status, Task.noop, Task.output, Task.parent_id)
"""Of a task; what it was given is not sent, and may be larger than everything that is."""


async def _cached_tasks(session: AsyncSession, run_id: str, resumed: str | None) -> list[dict[str, Any]]:
    """Return what the endpoint need not ask for: completed tasks, the smallest first, and the one that is resumed."""
    size = func.coalesce(func.length(cast(Task.output, Text)), 0)
    done = select(Task.id).where(
        Task.run_id == run_id, or_(Task.status == TaskStatus.COMPLETED, Task.id == resumed), size < CACHED_BYTES
    )
    smallest = (await session.execute(done.add_columns(size).order_by(Task.id != resumed, size, Task.id))).all()
    left, chosen = CACHED_BYTES, []
    for id, output_size in smallest:
        left -= output_size
        if left < 0:
            break
        chosen.append(id)
    tasks = [cached_task(task) for task in await _tasks(session, chosen)]
    return _fitting(tasks)


async def _tasks(session: AsyncSession, ids: Sequence[str]) -> Sequence[Task]:
    found: list[Task] = []
    # A statement takes no more than some ten thousand parameters on either database.
    for start in range(0, len(ids), 1000):
        some = select(Task).where(Task.id.in_(ids[start : start + 1000])).options(WHAT_IS_CACHED)
        by_id = {task.id: task for task in await session.scalars(some)}
        found += [by_id[id] for id in ids[start : start + 1000]]
    return found


def _fitting(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return as many tasks, from the first, as fit when everything about them is counted."""
    left = CACHED_BYTES
    for number, task in enumerate(tasks):
        left -= len(json.dumps(task, ensure_ascii=False).encode())
        if left < 0:
            return tasks[:number]
    return tasks


def cached_task(task: Task) -> dict[str, Any]:
    """Return a completed task as the endpoint reads it that need not ask for it."""
    return {
        "id": task.idempotency_key,
        "idempotencyKey": task.idempotency_key,
        "status": task.status,
        "noop": task.noop,
        "output": task.output,
        "parentId": task.parent_id,
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else write_time(instant)

"""Rows as SDKs read them. Pure: what belongs to a row is loaded already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from catalog.app.models import EventRecord, JobRun, StatusRecord, Task
from catalog.running.bodies import cached_task
from catalog.wire.times import write_time

CACHED_CHARACTERS = 2_000_000
"""Of completed tasks that one answer brings along: as in Trigger.dev 2.3."""


def time(instant: datetime | None) -> str | None:
    """Return an instant as JavaScript writes it, or None."""
    return None if instant is None else write_time(instant)


def event_log(event: EventRecord) -> dict[str, Any]:
    """Return an event as its sender reads it."""
    return {
        "id": event.event_id,
        "name": event.name,
        "payload": event.payload,
        "context": event.context,
        "timestamp": time(event.timestamp),
        "deliverAt": time(event.deliver_at),
        "deliveredAt": time(event.delivered_at),
        "cancelledAt": time(event.cancelled_at),
    }


def event_with_runs(event: EventRecord, runs: Iterable[JobRun]) -> dict[str, Any]:
    """Return an event with what it started."""
    return {
        "id": event.event_id,
        "name": event.name,
        "createdAt": time(event.created_at),
        "updatedAt": time(event.cancelled_at or event.delivered_at or event.created_at),
        "runs": [
            {
                "id": run.id,
                "status": run.status,
                "startedAt": time(run.started_at),
                "completedAt": time(run.completed_at),
            }
            for run in runs
        ],
    }


def server_task(task: Task) -> dict[str, Any]:
    """Return a task as its endpoint reads it; its attempts are loaded."""
    return {
        "id": task.id,
        "name": task.name,
        "icon": task.icon,
        "noop": task.noop,
        "startedAt": time(task.started_at),
        "completedAt": time(task.completed_at),
        "delayUntil": time(task.delay_until),
        "status": task.status,
        "description": task.description,
        "params": task.params,
        "output": task.output,
        "context": task.context,
        "properties": task.properties,
        "outputProperties": task.output_properties,
        "style": task.style,
        "error": task.error,
        "parentId": task.parent_id,
        "attempts": len(task.attempts),
        "idempotencyKey": task.idempotency_key,
        "operation": task.operation,
        "callbackUrl": None,
        "forceYield": False,
        "childExecutionMode": task.child_execution_mode,
    }


def cached_tasks(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return completed tasks that the endpoint need not ask for, as many as fit, and the first of the others."""
    left = CACHED_CHARACTERS
    cached: list[dict[str, Any]] = []
    for task in tasks:
        shape = cached_task(task)
        size = len(json.dumps(shape, ensure_ascii=False))
        if size > CACHED_CHARACTERS:
            continue  # the endpoint asks for it by itself when it comes to it
        if size > left:
            return {"tasks": cached, "cursor": task.id}
        left -= size
        cached.append(shape)
    return {"tasks": cached}


def status_record(record: StatusRecord) -> dict[str, Any]:
    """Return what a run says of itself under a key. SDKs take what is missing, and no null."""
    said = {"label": record.label, "state": record.state, "data": record.data}
    return {"key": record.key, "history": record.history} | {
        name: value for name, value in said.items() if value is not None
    }


def run_state(run: JobRun, statuses: Iterable[StatusRecord], tasks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a run as whoever waits for it reads it."""
    return {
        "id": run.id,
        "status": run.status,
        "startedAt": time(run.started_at),
        "updatedAt": time(run.completed_at or run.started_at or run.queued_at or run.created_at),
        "completedAt": time(run.completed_at),
        "output": run.output,
        "tasks": list(tasks),
        "statuses": [status_record(record) for record in statuses],
    }


def task_tree(tasks: Sequence[Task], *, subtasks: bool, details: bool) -> list[dict[str, Any]]:
    """Return tasks as a run lists them; with `subtasks` each holds those that belong to it."""
    shapes = {task.id: _listed(task, details=details) for task in tasks}
    if not subtasks:
        return list(shapes.values())
    for shape in shapes.values():
        shape["subtasks"] = []
    roots: list[dict[str, Any]] = []
    for task in tasks:
        parent = shapes.get(task.parent_id or "")
        (roots if parent is None else parent["subtasks"]).append(shapes[task.id])
    return roots


def _listed(task: Task, *, details: bool) -> dict[str, Any]:
    shape = {
        "id": task.id,
        "displayKey": task.display_key,
        "status": task.status,
        "name": task.name,
        "icon": task.icon,
        "startedAt": time(task.started_at),
        "completedAt": time(task.completed_at),
    }
    return shape | ({"params": task.params, "output": task.output} if details else {})

"""Tasks of a run as its endpoint tells of them: begun, completed, failed; and what the run says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from catalog.app.models import AttemptStatus, JobRun, RunStatus, StatusRecord, Task, TaskAttempt, TaskStatus
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.client import JobKeyMode
from kongflow import Job

NORMAL = {"style": "normal"}

MAX_HISTORY = 100
"""Earlier words of a run under one key: each of them is written anew with each new one."""

MAX_HISTORY_CHARACTERS = 1_000_000
"""Of all of them together."""


class UnknownParent(ValueError):
    """A task is to belong to one that its run does not have; the text says which."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as an endpoint asks for it, remembered by its key. `operation`: what is to be done here, not there."""

    key: str
    name: str = "Task"
    display_key: str | None = None
    noop: bool = False
    delay_until: datetime | None = None
    icon: str | None = None
    description: str | None = None
    operation: str | None = None
    connection_key: str | None = None
    parent_id: str | None = None
    parallel: bool = False
    params: Any = None
    properties: Any = None
    redact: Any = None
    style: Any = None

    def status(self, run: RunStatus, at: datetime) -> TaskStatus:
        """Return where the task stands when it is created in a run."""
        if run.is_final:
            return TaskStatus.CANCELED
        if self.delay_until is not None and self.delay_until > at:
            return TaskStatus.WAITING
        return TaskStatus.COMPLETED if self.noop else TaskStatus.RUNNING


async def begin_task(work: Work, run: JobRun, new: NewTask) -> Task:
    """Return the task of this key in a run that is locked. It is added where there is none, and goes on where it was
    canceled with the run and the run was continued; any other is returned as it is. Raises: UnknownParent.
    """
    task = await _find(work.session, run_id=run.id, idempotency_key=new.key)
    if task is None:
        task = await _add(work.session, run, new)
    elif task.status is TaskStatus.CANCELED and not run.status.is_final:
        _put_into(task, run, new)
        await work.session.flush()
    else:
        return task
    if task.operation and not task.status.is_final:
        await enqueue_operation(work, task, task.delay_until)
    return task


async def enqueue_operation(
    work: Work, task: Task, at: datetime | None = None, *, job_key_mode: JobKeyMode = "replace"
) -> Job:
    """Enqueue the operation of a task, at a time or at once. The newest such job of a task is the one that counts, also
    where it is added by the one before it, which runs.
    """
    task.due_at = at or now()
    return await work.enqueue(
        "performTaskOperation",
        {"id": task.id},
        run_at=at,
        job_key=f"operation:{task.id}",
        job_key_mode=job_key_mode,
    )


async def find_task(session: AsyncSession, run: JobRun, id: str) -> Task | None:
    """Return a task of a run, with its attempts."""
    return await _find(session, run_id=run.id, id=id)


def complete_task(task: Task, output: Any, properties: Any = None) -> None:
    """End a task well; one that has ended stays as it is."""
    if task.status.is_final:
        return
    _end_attempt(task, AttemptStatus.COMPLETED)
    task.status, task.completed_at = TaskStatus.COMPLETED, now()
    task.output = output
    if properties is not None:
        task.output_properties = properties


def fail_task(task: Task, error: Any) -> None:
    """End a task with an error; one that has ended stays as it is."""
    if task.status.is_final:
        return
    _end_attempt(task, AttemptStatus.ERRORED, error_text(error))
    task.status, task.completed_at = TaskStatus.ERRORED, now()
    task.output = error


def retry_task(task: Task, error: str, at: datetime) -> None:
    """Count a failed attempt of a task, and add the next for a time."""
    _end_attempt(task, AttemptStatus.ERRORED, error)
    number = max((attempt.number for attempt in task.attempts), default=0) + 1
    task.attempts.append(TaskAttempt(number=number, run_at=at))


def error_text(error: Any) -> str:
    """Return an error in one text: its name and message where it has them."""
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        name = error.get("name")
        return f"{name}: {error['message']}" if isinstance(name, str) else error["message"]
    return str(error)


async def set_status(session: AsyncSession, run: JobRun, key: str, said: Mapping[str, Any]) -> StatusRecord:
    """Keep what a run that is locked says of itself under a key: `label`, `state`, `data`, whichever it names. What it
    said before goes into the history.
    """
    record = (await session.scalars(select(StatusRecord).filter_by(run_id=run.id, key=key))).one_or_none()
    if record is None:
        record = StatusRecord(run_id=run.id, key=key, history=[], **{"label": key, **said})
        session.add(record)
    else:
        before = {"label": record.label, "state": record.state, "data": record.data}
        known = {name: value for name, value in before.items() if value is not None}
        record.history = _newest([*record.history, known])
        for name, value in said.items():
            setattr(record, name, value)
        record.updated_at = now()
    await session.flush()
    return record


def _newest(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the end of a history, as much as is kept."""
    kept: list[dict[str, Any]] = []
    left = MAX_HISTORY_CHARACTERS
    for said in reversed(history[-MAX_HISTORY:]):
        left -= len(json.dumps(said, ensure_ascii=False))
        if left < 0:
            break
        kept.append(said)
    return kept[::-1]


async def _find(session: AsyncSession, **key: object) -> Task | None:
    found = select(Task).filter_by(**key).options(selectinload(Task.attempts))
    return (await session.scalars(found, execution_options={"populate_existing": True})).one_or_none()


async def _add(session: AsyncSession, run: JobRun, new: NewTask) -> Task:
    if new.parent_id is not None and await _find(session, run_id=run.id, id=new.parent_id) is None:
        raise UnknownParent(f"the run has no task {new.parent_id!r}")
    task = Task(run_id=run.id, idempotency_key=new.key, parent_id=new.parent_id, attempts=[TaskAttempt(number=1)])
    _put_into(task, run, new)
    session.add(task)
    await session.flush()
    return task


def _put_into(task: Task, run: JobRun, new: NewTask) -> None:
    at = now()
    task.status = new.status(run.status, at)
    task.started_at = at
    task.completed_at = at if task.status.is_final else None
    task.child_execution_mode = "PARALLEL" if new.parallel else "SEQUENTIAL"
    task.style = new.style or NORMAL
    for name in (
        *("name", "display_key", "noop", "delay_until", "icon", "description", "operation", "connection_key"),
        *("params", "properties", "redact"),
    ):
        setattr(task, name, getattr(new, name))


def _end_attempt(task: Task, status: AttemptStatus, error: str | None = None) -> None:
    """End the newest attempt, if it has not ended."""
    if task.attempts and task.attempts[-1].status is AttemptStatus.PENDING:
        task.attempts[-1].status = status
        task.attempts[-1].error = error

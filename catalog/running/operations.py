"""Operations: what the platform does for a task of a run while the run rests, and how the run goes on after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from catalog.app.models import EnvironmentType, JobRun, Task, TaskStatus
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.running.endings import lock_run
from catalog.running.executions import resume
from catalog.running.fetch_retry import backoff_at, retry_at
from catalog.running.fetching import InvalidFetch, check_fetch, fetch
from catalog.running.tasks import complete_task, enqueue_operation, fail_task, find_task, retry_task
from catalog.wire.request import Answer, InvalidJson, NoAnswer, Refused, TimedOut, Unreachable, printable_url

FETCHES = ("fetch", "fetch-response")


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be done for a task. `attempts` were begun, this one counts. `private`: loopback and private networks
    may be called too.
    """

    task_id: str
    run_id: str
    kind: str
    params: Any
    attempts: int
    private: bool


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; `context` is what else there is to know of it."""

    output: Any
    context: Any = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It came to nothing, for good; the task ends with this error."""

    error: Any


@dataclass(frozen=True, slots=True)
class Again:
    """It came to nothing, and is tried again at a time."""

    error: str
    at: datetime


Outcome = Done | Failed | Again


async def load_operation(session: AsyncSession, task_id: str) -> Operation | None:
    """Return what is to be done for a task; None where nothing is, because there is no such task or it has ended."""
    found = (
        select(Task)
        .filter_by(id=task_id)
        .options(joinedload(Task.attempts), joinedload(Task.run).joinedload(JobRun.environment))
    )
    task = (await session.scalars(found)).unique().one_or_none()
    if task is None or task.status.is_final:
        return None
    private = task.run.environment.type is EnvironmentType.DEVELOPMENT
    return Operation(task.id, task.run_id, task.operation or "", task.params, len(task.attempts), private)


async def perform(operation: Operation, *, last_try: bool) -> Outcome:
    """Do what is to be done, and say what came of it.

    Raises: Unreachable, unless this is the last try: the whole operation may be tried again at once.
    """
    if operation.kind not in FETCHES:
        return Failed({"message": f"Unknown operation: {operation.kind}"})
    try:
        params = await asyncio.to_thread(check_fetch, operation.params)
    except InvalidFetch as problem:
        return Failed({"message": str(problem)})
    try:
        answer = await fetch(params, private=operation.private)
    except TimedOut as problem:
        rule = (params.get("timeout") or {}).get("retry")
        at = None if rule is None else backoff_at(rule, operation.attempts, now())
        return Failed({"message": str(problem)}) if at is None else Again(str(problem), at)
    except Refused:
        # Where a name of the platform's network leads is nothing that a job should learn.
        return Failed({"message": f"{printable_url(params['url'])} may not be called"})
    except NoAnswer as problem:
        if isinstance(problem, Unreachable) and not last_try:
            raise
        return Failed({"message": str(problem)})
    # Large ones take seconds to read and to compare, in which other jobs go on.
    return await asyncio.to_thread(judge, operation, params, answer, now())


def judge(operation: Operation, params: Mapping[str, Any], answer: Answer, at: datetime) -> Outcome:
    """Say what an answer means."""
    body = _json(answer)
    headers = dict(answer.headers)
    if answer.is_success:
        whole = {"status": answer.status, "headers": headers, "data": body}
        return Done(body if operation.kind == "fetch" else whole, headers)
    message = f"Fetch failed with status {answer.status}"
    due = retry_at(params.get("retry") or {}, answer.status, headers, body, operation.attempts, at)
    return Failed(body or {"message": message}) if due is None else Again(message, due)


async def settle(work: Work, operation: Operation, outcome: Outcome) -> TaskStatus | None:
    """Write an outcome, and let the run go on; None where the run or the task has ended meanwhile."""
    run = await lock_run(work.session, operation.run_id)
    task = None if run is None else await find_task(work.session, run, operation.task_id)
    if run is None or task is None or run.status.is_final:
        return None
    if task.status.is_final:
        await _go_on(work, run)
        return None
    match outcome:
        case Again():
            retry_task(task, outcome.error, outcome.at)
            await enqueue_operation(work, task, outcome.at)
            return task.status
        case Failed():
            fail_task(task, outcome.error)
        case Done():
            complete_task(task, outcome.output)
            task.context = outcome.context
    await work.session.flush()
    await _go_on(work, run)
    return task.status


async def resume_run_of(work: Work, task_id: str) -> None:
    """Let the run of a task go on that was ended by somebody else, where there is such a task, and the run waits."""
    run_id = (await work.session.scalars(select(Task.run_id).filter_by(id=task_id))).one_or_none()
    run = None if run_id is None else await lock_run(work.session, run_id)
    if run is not None:
        await _go_on(work, run)


async def _go_on(work: Work, run: JobRun) -> None:
    if not run.status.is_final:
        await resume(work, run.id)


def _json(answer: Answer) -> Any:
    """Return the body, where it is JSON, else None."""
    try:
        return answer.json()
    except InvalidJson:
        return None

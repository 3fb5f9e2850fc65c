"""Tasks and statuses of a run, as its endpoint tells of them while it runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Text, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import JobRun, Task, TaskStatus
from catalog.http_api.call import Call, Versioned, due
from catalog.http_api.problems import Problem, not_found
from catalog.http_api.shapes import CACHED_CHARACTERS, cached_tasks, server_task, status_record, time
from catalog.running.bodies import WHAT_IS_CACHED
from catalog.running.endings import lock_run
from catalog.running.tasks import NewTask, UnknownParent, begin_task, complete_task, fail_task, find_task, set_status
from catalog.wire.body import InvalidJson, read_json

LAZY_CACHE, SERIALIZED_OUTPUT = "2023-09-29", "2023-11-01"
"""Values of `trigger-version`: answers bring completed tasks along; an output is a text in JSON."""

MAX_OUTPUT = 3 << 20
"""Characters of the output of a task."""

MAX_PARAMS = 1 << 20
"""Characters of what a task is given, and of its properties."""

MAX_DATA = 100 << 10
"""Characters of what a run says of itself in one go."""

MAX_LINE = 10_000
"""Characters of what a run logs that reach our log."""

PAGE = 250
"""Completed tasks that one answer looks at: as in Trigger.dev 2.3."""

logger = logging.getLogger(__name__)


async def begin(call: Call) -> Any:
    """Begin a task, or answer with the one that has this key already."""
    key = call.header("idempotency-key")
    if not key:
        raise Problem(400, "Invalid or Missing idempotency key")
    new = _new_task(key, call.body)
    async with call.transaction() as work:
        run = await run_of(work.session, call)
        try:
            task = await begin_task(work, run, new)
        except UnknownParent as problem:
            raise Problem(400, f"Invalid request body: $.parentId: {problem}") from None
        if call.header("trigger-version") != LAZY_CACHE:
            return server_task(task)
        answer: dict[str, Any] = {"task": server_task(task)}
        if cursor := call.header("x-cached-tasks-cursor"):
            answer["cachedTasks"] = cached_tasks(await _completed_from(work.session, run, cursor))
        return Versioned(LAZY_CACHE, answer)


async def complete(call: Call) -> Any:
    """Complete a task; one that has ended is answered as it is."""
    output = _output(call)
    async with call.transaction() as work:
        task = await _task_of(work.session, call)
        complete_task(task, output, _properties(call.body.get("properties")))
        return server_task(task)


async def fail(call: Call) -> Any:
    """Fail a task; one that has ended is answered as it is."""
    async with call.transaction() as work:
        task = await _task_of(work.session, call)
        fail_task(task, call.body["error"])
        return server_task(task)


async def set_state(call: Call) -> Any:
    """Keep what a run says of itself under a key."""
    said = {name: call.body[name] for name in ("label", "state", "data") if call.body.get(name) is not None}
    _fitting(said, "$", MAX_DATA)
    async with call.transaction() as work:
        record = await set_status(work.session, await run_of(work.session, call), call.path("key"), said)
        return status_record(record) | {"createdAt": time(record.created_at), "updatedAt": time(record.updated_at)}


async def log(call: Call) -> Any:
    """Log what a run says."""
    said = {name: call.body[name] for name in ("level", "message", "data") if name in call.body}
    async with call.look() as session:
        run = await find_run(session, call)
    # As JSON, so that nothing of it can pass for a line of ours.
    level = {"WARN": "WARNING"}.get(said["level"], said["level"])
    logger.log(logging.getLevelNamesMapping()[level], "run %s: %s", run.id, json.dumps(said)[:MAX_LINE])
    return said


async def find_run(session: AsyncSession, call: Call) -> JobRun:
    """Return the run of the path. Raises: Problem where it is not the caller's."""
    found = select(JobRun).filter_by(id=call.path("run"), environment_id=call.caller.environment_id)
    run = (await session.scalars(found)).one_or_none()
    if run is None:
        raise not_found("Run")
    return run


async def run_of(session: AsyncSession, call: Call) -> JobRun:
    """Return the run of the path, locked. Raises: as `find_run`."""
    run = await lock_run(session, (await find_run(session, call)).id)
    if run is None:
        raise not_found("Run")
    return run


async def _task_of(session: AsyncSession, call: Call) -> Task:
    task = await find_task(session, await run_of(session, call), call.path("task"))
    if task is None:
        raise not_found("Task")
    return task


async def _completed_from(session: AsyncSession, run: JobRun, cursor: str) -> Sequence[Task]:
    """Return the completed tasks of a run from this one on, in the order in which they were begun."""
    first = (await session.scalars(select(Task).filter_by(run_id=run.id, id=cursor))).one_or_none()
    if first is None:
        return []
    later = or_(Task.created_at > first.created_at, and_(Task.created_at == first.created_at, Task.id >= first.id))
    size = func.coalesce(func.length(cast(Task.output, Text)), 0)
    done = select(Task.id, size).where(
        Task.run_id == run.id, Task.status == TaskStatus.COMPLETED, Task.noop.is_(False), later
    )
    page = (await session.execute(done.order_by(Task.created_at, Task.id).limit(PAGE))).all()
    some = select(Task).where(Task.id.in_(_that_fit(page))).options(WHAT_IS_CACHED)
    return (await session.scalars(some.order_by(Task.created_at, Task.id))).all()


def _that_fit(page: Sequence[Row[str, int]]) -> list[str]:
    """Return the ids of the tasks to load, by the sizes of their outputs: those that one answer brings along, and the
    first of the others.
    """
    left, ids = CACHED_CHARACTERS, []
    for id, size in page:
        if size <= CACHED_CHARACTERS and left >= 0:
            left -= size
            ids.append(id)
    return ids


def _new_task(key: str, body: dict[str, Any]) -> NewTask:
    if (body.get("callback") or {}).get("enabled"):
        raise Problem(400, "Invalid request body: $.callback: tasks with a callback URL are not supported")
    names = {
        "name": "name",
        "displayKey": "display_key",
        "noop": "noop",
        "icon": "icon",
        "description": "description",
        "operation": "operation",
        "connectionKey": "connection_key",
        "parentId": "parent_id",
        "parallel": "parallel",
        "redact": "redact",
        "style": "style",
    }
    return NewTask(
        key=key,
        delay_until=due(body.get("delayUntil"), "$.delayUntil", 400),
        properties=_properties(_fitting(body.get("properties"), "$.properties", MAX_PARAMS)),
        params=_fitting(body.get("params"), "$.params", MAX_PARAMS),
        **{ours: body[theirs] for theirs, ours in names.items() if body.get(theirs) is not None},
    )


def _fitting(value: Any, place: str, most: int) -> Any:
    """Return a value of a body that is no longer than this as JSON. Raises: Problem."""
    if value is not None and len(json.dumps(value, ensure_ascii=False)) > most:
        raise Problem(400, f"Invalid request body: {place}: it must be less than {most >> 10} kB")
    return value


def _properties(said: Any) -> Any:
    """Return those that can be shown."""
    return said and [each for each in said if isinstance(each.get("label"), str) and isinstance(each.get("text"), str)]


def _output(call: Call) -> Any:
    """Return the output of a task that is completed. Raises: Problem."""
    output = call.body.get("output")
    if call.header("trigger-version") != SERIALIZED_OUTPUT:
        if len(json.dumps(output, ensure_ascii=False)) > MAX_OUTPUT:
            raise Problem(400, "Output must be less than 3MB")
        return output
    if output is None:
        return None
    if not isinstance(output, str):
        raise Problem(400, "Invalid request body: $.output: it must be a text in JSON")
    if len(output) > MAX_OUTPUT:
        raise Problem(400, "Output must be less than 3MB")
    try:
        return read_json(output) if output else None
    except InvalidJson as problem:
        raise Problem(400, f"Invalid request body: $.output: {problem}") from None

"""Runs: looked at, cancelled, started by name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from starlette.datastructures import QueryParams

from catalog.app.models import JobRun, StatusRecord, Task
from catalog.http_api.call import Call
from catalog.http_api.problems import Problem, not_found
from catalog.http_api.shapes import run_state, status_record, task_tree
from catalog.http_api.tasks import find_run, run_of
from catalog.running.endings import cancel_run
from catalog.running.invoke import KeyTaken, UnknownJob, invoke_job

TAKE, MAX_TAKE = 20, 50
"""Tasks of a page."""

WITHOUT_DETAILS = [defer(each) for each in (Task.params, Task.output, Task.context, Task.properties)]

UNKNOWN_CURSOR = "Invalid query parameter cursor: the run has no such task"


async def show(call: Call) -> Any:
    """Show a run with its statuses and a page of its tasks."""
    query = call.request.query_params
    take, subtasks = _take(query), _flag(query, "subtasks")
    async with call.look() as session:
        run = await find_run(session, call)
        tasks = select(Task).filter_by(run_id=run.id)
        if not subtasks:
            tasks = tasks.where(Task.parent_id.is_(None))
        if cursor := query.get("cursor"):
            if not cursor.isprintable():
                raise Problem(400, UNKNOWN_CURSOR)
            first = (await session.scalars(select(Task).filter_by(run_id=run.id, id=cursor))).one_or_none()
            if first is None:
                raise Problem(400, UNKNOWN_CURSOR)
            later = and_(Task.created_at == first.created_at, Task.id >= first.id)
            tasks = tasks.where(or_(Task.created_at > first.created_at, later))
        details = _flag(query, "taskdetails")
        tasks = tasks.order_by(Task.created_at, Task.id).limit(take + 1)
        page = (await session.scalars(tasks if details else tasks.options(*WITHOUT_DETAILS))).all()
        tree = task_tree(page[:take], subtasks=subtasks, details=details)
        state = run_state(run, await _statuses(session, run), tree)
        return state | ({"nextCursor": page[take].id} if len(page) > take else {})


async def show_statuses(call: Call) -> Any:
    """Show what a run says of itself, and its output."""
    async with call.look() as session:
        run = await find_run(session, call)
        records = await _statuses(session, run)
        return {
            "run": {"id": run.id, "status": run.status, "output": run.output},
            "statuses": [status_record(record) for record in records],
        }


async def cancel(call: Call) -> Any:
    """Cancel a run; one that has ended is answered as it is."""
    async with call.transaction() as work:
        run = await run_of(work.session, call)
        await cancel_run(work, run.id)
        tasks = select(Task).filter_by(run_id=run.id, parent_id=None).order_by(Task.created_at, Task.id).limit(TAKE)
        tasks = tasks.options(*WITHOUT_DETAILS).execution_options(populate_existing=True)
        page = (await work.session.scalars(tasks)).all()
        tree = task_tree(page, subtasks=False, details=False)
        return run_state(run, await _statuses(work.session, run), tree)


async def start(call: Call) -> Any:
    """Start a run of a job by the job's name; with an idempotency key only once."""
    said = call.body.get("options") or {}
    async with call.transaction() as work:
        try:
            run = await invoke_job(
                work,
                call.caller.environment_id,
                call.path("job"),
                payload=call.body.get("payload"),
                context=call.body.get("context"),
                account_id=said.get("accountId"),
                key=call.header("idempotency-key") or None,
            )
        except UnknownJob:
            raise not_found("Job") from None
        except KeyTaken as problem:
            raise Problem(409, str(problem)) from None
        return {"id": run.id}


async def _statuses(session: AsyncSession, run: JobRun) -> list[StatusRecord]:
    found = select(StatusRecord).filter_by(run_id=run.id).order_by(StatusRecord.created_at, StatusRecord.id)
    return list(await session.scalars(found))


def _take(query: QueryParams) -> int:
    said = query.get("take", str(TAKE))
    if not (said.isascii() and said.isdecimal() and int(said[:9]) > 0 and len(said) < 10):
        raise Problem(400, "Invalid query parameter take: it must be a number from 1 to 50")
    return min(int(said), MAX_TAKE)


def _flag(query: QueryParams, name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")

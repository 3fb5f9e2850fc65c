"""Reads: what people look at, as portable queries. One statement for each answer, so that it is of one moment."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Text, and_, cast, func, literal, null, or_, select, union_all
from sqlalchemy.engine import Connection

from kongflow.core.job import Job, JobState
from kongflow.core.queue import QueueRules
from kongflow.errors import InvalidOption
from kongflow.store.records import JobFilter, Page, QueueCounts
from kongflow.store.rows import FIELDS, JSON_FIELDS, SCHEDULED, STORED_STATE, job_of, stored_state
from kongflow.store.tables import Tables


def get_job(connection: Connection, tables: Tables, id: int) -> Job | None:
    """Return a live or finished job."""
    live, finished = _live(tables).where(tables.job.c.id == id), _finished(tables).where(tables.history.c.id == id)
    row = connection.execute(union_all(live, finished)).first()
    return None if row is None else job_of(row)


def list_jobs(connection: Connection, tables: Tables, filter: JobFilter, limit: int, cursor: str | None) -> Page:
    """Return jobs, live and finished, newest first. Raises: InvalidOption where the cursor is none of ours."""
    before = None if cursor is None else _read_cursor(cursor)
    parts: list[Select[tuple[object, ...]]] = []
    for query, table, states in (
        (_live(tables), tables.job, [state for state in filter.states if not state.is_final]),
        (_finished(tables), tables.history, [state for state in filter.states if state.is_final]),
    ):
        if filter.states and not states:
            continue
        part = query.where(*_conditions(tables, table.c is tables.job.c, filter, states))
        if before is not None:
            part = part.where(table.c.id < before)
        page = part.order_by(table.c.id.desc()).limit(limit + 1).subquery()
        parts.append(select(page))
    union = union_all(*parts).subquery()
    rows = connection.execute(select(union).order_by(union.c.id.desc()).limit(limit + 1)).all()
    items = tuple(job_of(row) for row in rows[:limit])
    return Page(items, _write_cursor(int(items[-1].id)) if len(rows) > limit and items else None)


def count_queues(connection: Connection, tables: Tables, rules: QueueRules | None) -> list[QueueCounts]:
    """Return the live jobs of every concrete queue by state, and the rule in force for each."""
    job = tables.job.c
    retrying = and_(job.state == SCHEDULED, job.attempt > 0, job.errors.is_not(None))
    query = select(job.queue, job.state, retrying.label("retrying"), func.count()).group_by(
        job.queue, job.state, retrying
    )
    counts: dict[str | None, dict[JobState, int]] = defaultdict(dict)
    for queue, state, is_retrying, count in connection.execute(query):
        counts[queue][stored_state(state, int(bool(is_retrying)), bool(is_retrying))] = count
    for name, declared in (rules or QueueRules()).queues.items():
        if not declared.is_pattern:
            counts.setdefault(name, {})
    in_force = rules or QueueRules()
    return [
        QueueCounts(
            queue,
            counts[queue],
            effective=None if queue is None else in_force.effective(queue).slots,
            declared=queue is None or in_force.rule(queue) is not None,
        )
        for queue in sorted(counts, key=lambda queue: (queue is not None, queue))
    ]


def _live(tables: Tables) -> Select[tuple[object, ...]]:
    job, runner = tables.job.c, tables.runner.c
    columns = {
        **{name: _text_of(name, job[name]) for name in FIELDS if name in job},
        "key": func.coalesce(job.job_key, job.claimed_key),
        "runner": select(runner.host + ":" + cast(runner.pid, Text)).where(runner.id == job.runner).scalar_subquery(),
    }
    history = tables.history.c
    return select(
        *((columns[name] if name in columns else cast(null(), history[name].type)).label(name) for name in FIELDS)
    )


def _finished(tables: Tables) -> Select[tuple[object, ...]]:
    history = tables.history.c
    return select(
        *((_text_of(name, history[name]) if name in history else literal(False)).label(name) for name in FIELDS)
    )


def _text_of(name: str, column: Column[Any]) -> ColumnElement[Any]:
    """JSON is read as it was written, also where the database would make values of it."""
    return cast(column, Text) if name in JSON_FIELDS else column


def _conditions(tables: Tables, live: bool, filter: JobFilter, states: Sequence[JobState]) -> list[ColumnElement[bool]]:
    table = tables.job.c if live else tables.history.c
    conditions: list[ColumnElement[bool]] = []
    if states:
        conditions.append(or_(*(_in_state(tables, live, state) for state in states)))
    if filter.task is not None:
        conditions.append(table.task == filter.task)
    if filter.queue is not None:
        conditions.append(table.queue == filter.queue)
    if filter.key is not None:
        held = or_(table.job_key == filter.key, table.claimed_key == filter.key) if live else table.key == filter.key
        conditions.append(held)
    if filter.tag is not None:
        conditions.append(tables.holds(table.tags, filter.tag))
    if filter.since is not None:
        conditions.append(table.created_at >= tables.stored_instant(filter.since))
    return conditions


def _in_state(tables: Tables, live: bool, state: JobState) -> ColumnElement[bool]:
    table = tables.job.c if live else tables.history.c
    stored = table.state == STORED_STATE[state]
    if state is JobState.RETRYING:
        return and_(stored, table.attempt > 0, table.errors.is_not(None))
    if state is JobState.SCHEDULED:
        return and_(stored, or_(table.attempt == 0, table.errors.is_(None)))
    return stored


def _write_cursor(id: int) -> str:
    return base64.urlsafe_b64encode(f"before:{id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("before:"))
    except ValueError:
        raise InvalidOption(f"{cursor!r} is no cursor of this list: use the next_cursor of the page before") from None

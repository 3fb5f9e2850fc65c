"""Reads: what people look at, as portable queries. One statement for each answer, so that it is of one moment."""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, Text, and_, cast, func, literal, null, select, union_all
from sqlalchemy.engine import Connection

from kongflow.core.job import Job, JobState
from kongflow.core.queue import QueueRules
from kongflow.errors import InvalidOption
from kongflow.store.filtering import looks_into_rows, parts
from kongflow.store.instants import to_instant
from kongflow.store.records import JobCount, JobFilter, LiveJobs, Page, QueueCounts
from kongflow.store.rows import FIELDS, JSON_FIELDS, SCHEDULED, job_of, names, stored_state
from kongflow.store.tables import Tables


def get_job(connection: Connection, tables: Tables, id: int) -> Job | None:
    """Return a live or finished job."""
    live, finished = _live(tables).where(tables.job.c.id == id), _finished(tables).where(tables.history.c.id == id)
    row = connection.execute(union_all(live, finished)).first()
    return None if row is None else job_of(row)


def list_jobs(connection: Connection, tables: Tables, filter: JobFilter, limit: int, cursor: str | None) -> Page:
    """Return jobs, live and finished, newest first. Raises: InvalidOption where the cursor is none of ours."""
    before = None if cursor is None else _read_cursor(cursor)
    rows: Sequence[Row[Any]] = ()
    for after in [*_lower_bounds(connection, tables, filter, limit, before), None]:
        rows = _newest_jobs(connection, tables, filter, limit + 1, before, after)
        if len(rows) > limit:
            break  # what fills the page is the answer, and of one moment
    items = tuple(job_of(row) for row in rows[:limit])
    return Page(items, _write_cursor(int(items[-1].id)) if len(rows) > limit and items else None)


def _newest_jobs(
    connection: Connection, tables: Tables, filter: JobFilter, limit: int, before: int | None, after: int | None
) -> Sequence[Row[Any]]:
    pages: list[Select[tuple[object, ...]]] = []
    for table, conditions in parts(tables, filter):
        query = (_live(tables) if table is tables.job else _finished(tables)).where(*conditions)
        if before is not None:
            query = query.where(table.c.id < before)
        if after is not None:
            query = query.where(table.c.id > after)
        pages.append(select(query.order_by(table.c.id.desc()).limit(limit).subquery()))
    if not pages:
        return ()
    union = union_all(*pages).subquery()
    return connection.execute(select(union).order_by(union.c.id.desc()).limit(limit)).all()


def _lower_bounds(
    connection: Connection, tables: Tables, filter: JobFilter, limit: int, before: int | None
) -> list[int]:
    """Return the ids down to which to look before looking at all jobs; none where an index finds them."""
    reaches = tables.dialect.reaches(limit) if looks_into_rows(filter) else ()
    if reaches and before is None:
        newest = [select(func.max(table.c.id)).scalar_subquery() for table in (tables.job, tables.history)]
        before = max((id for id in connection.execute(select(*newest)).one() if id is not None), default=0)
    return [before - reach for reach in reaches if before is not None and before > reach]


def count_jobs(connection: Connection, tables: Tables, filter: JobFilter) -> list[JobCount]:
    """Return how many jobs a filter means, by task and state; the most first."""
    counts: Counter[tuple[str, JobState]] = Counter()
    queries = []
    for table, conditions in parts(tables, filter):
        used_up = table.c.attempt > 0
        queries.append(
            select(table.c.task, table.c.state, used_up.label("used_up"), func.count())
            .where(*conditions)
            .group_by(table.c.task, table.c.state, used_up)
        )
    for task, state, used_up, count in connection.execute(union_all(*queries)) if queries else ():
        counts[task, stored_state(state, int(used_up))] += count
    in_order = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [JobCount(task, state, count) for (task, state), count in in_order]


def count_queues(connection: Connection, tables: Tables, rules: QueueRules | None) -> list[QueueCounts]:
    """Return the live jobs of every concrete queue by state, and the rule in force for each."""
    job = tables.job.c
    retrying = and_(job.state == SCHEDULED, job.attempt > 0)
    query = select(job.queue, job.state, retrying.label("retrying"), func.count()).group_by(
        job.queue, job.state, retrying
    )
    counts: dict[str | None, dict[JobState, int]] = defaultdict(dict)
    for queue, state, is_retrying, count in connection.execute(query):
        counts[queue][stored_state(state, int(is_retrying))] = count
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


def count_live(connection: Connection, tables: Tables, now: datetime) -> tuple[LiveJobs, ...]:
    """Return the live jobs by task, queue, flags and state. One statement, and one pass over the live jobs."""
    job = tables.job.c
    used_up = and_(job.state == SCHEDULED, job.attempt > 0)
    kind = (job.task, job.queue, job.flags, job.state, used_up)
    since_when = func.min(func.coalesce(job.ready_at, job.created_at))
    query = select(*kind, func.count(), since_when).group_by(*kind)
    return tuple(
        LiveJobs(
            task,
            queue,
            names(flags),
            stored_state(state, int(used_up)),
            count,
            (now - to_instant(since)).total_seconds(),
        )
        for task, queue, flags, state, used_up, count, since in connection.execute(query)
    )


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


def _write_cursor(id: int) -> str:
    return base64.urlsafe_b64encode(f"before:{id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("before:"))
    except ValueError:
        raise InvalidOption(f"{cursor!r} is no cursor of this list: use the next_cursor of the page before") from None

"""Looking: what statements return about runners, rules and pauses, as values; and all of one moment at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, literal, select
from sqlalchemy.engine import Connection

from kongflow.core.queue import Queue, QueueRules
from kongflow.store import reads
from kongflow.store.instants import to_instant
from kongflow.store.overview import Overview
from kongflow.store.postgres.access import Access
from kongflow.store.records import Pause, RunnerView
from kongflow.store.rows import Row
from kongflow.store.tables import Tables
from kongflow.store.timetable import view_of

_LIMITS = ("concurrency", "max_active", "rate_limit", "rate_per")


def runner_views(rows: Sequence[Row]) -> list[RunnerView]:
    """Return the runners of `runners.sql`."""
    return [
        RunnerView(id, host, pid, tuple(queues), tuple(tasks), tuple(flags), *rest)
        for id, host, pid, queues, tasks, flags, *rest in rows
    ]


def rules_of(rows: Sequence[Row]) -> QueueRules | None:
    """Return the rules of `rules_in_force.sql`; None where no config has come yet."""
    if not rows:
        return None
    return QueueRules(
        {
            name: Queue.of_published(name, dict(zip(_LIMITS, values, strict=True)))
            for name, *values in rows
            if name is not None
        }
    )


def pauses_of(rows: Sequence[Row]) -> list[Pause]:
    """Return the pauses of `pauses.sql`."""
    return [Pause(name, reason, author, to_instant(at)) for name, reason, author, at in rows]


async def overview(access: Access, tables: Tables) -> Overview:
    """See Store.overview. Raises: StoreError."""

    def work(connection: Connection) -> Overview:
        connection.exec_driver_sql("set transaction isolation level repeatable read, read only")
        now = connection.execute(select(func.clock_timestamp() + literal(access.shift))).scalar_one()
        return Overview(
            now=to_instant(now),
            jobs=reads.count_live(connection, tables, now),
            runners=tuple(runner_views(access.rows_of(connection, "runners", shift=access.shift))),
            rules=rules_of(access.rows_of(connection, "rules_in_force")),
            pauses=tuple(pauses_of(access.rows_of(connection, "pauses"))),
            schedules=tuple(map(view_of, access.rows_of(connection, "schedule_views"))),
        )

    return await access.read(work)

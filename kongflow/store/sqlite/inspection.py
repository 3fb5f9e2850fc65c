"""SqliteInspection: the contract of store/inspection.py on SQLite. Each page is a read of its own, so that no reader
keeps the write-ahead log from being emptied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Connection

from kongflow.store.inspection import MOST_CHARACTERS, MOST_JOBS, LiveJob
from kongflow.store.rows import Row, names, stored_state
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.routing import text_of, unrouted_job


class SqliteInspection:
    """A look at one file."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def declared(self) -> tuple[str, str] | None:
        """See Inspection.declared."""

        def work(connection: Connection) -> tuple[str, str] | None:
            row = self._access.reading(connection).one("declared_in_force")
            return None if row is None else (row[0], row[1])

        return await self._access.read(work)

    async def live_jobs(self, after: int) -> Sequence[LiveJob]:
        """See Inspection.live_jobs."""

        def work(connection: Connection) -> Sequence[LiveJob]:
            jobs, characters = list[LiveJob](), 0
            with self._access.reading(connection).reading("live_page", after=after, jobs=MOST_JOBS) as rows:
                for row in rows:
                    jobs.append(_live_job(row))
                    characters += len(row[2])
                    if characters >= MOST_CHARACTERS:
                        break
            return jobs

        return await self._access.read(work)


def _live_job(row: Row) -> LiveJob:
    id, task, payload, _, queue, _, _, _, _, flags, _, _, state, schedule = row
    task, payload = text_of(task) or "", text_of(payload) or ""
    return LiveJob(
        id,
        stored_state(state, 0),
        task,
        payload,
        text_of(queue),
        () if flags is None else names(text_of(flags)),
        text_of(schedule),
        partial(unrouted_job, (id, task, *row[2:12]), None),
    )

"""SqliteInspection: the contract of store/inspection.py on SQLite. Each page is a read of its own, so that no reader
keeps the write-ahead log from being emptied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy.engine import Connection

from kongflow.core.job import UnroutedJob
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
    flags = text_of(row[9])
    return LiveJob(
        row[0],
        stored_state(row[12], 0),
        text_of(row[1]) or "",
        text_of(row[2]) or "",
        text_of(row[4]),
        () if flags is None else names(flags),
        text_of(row[13]),
        partial(_as_unrouted, row),
    )


def _as_unrouted(row: Row) -> UnroutedJob:
    return unrouted_job((row[0], text_of(row[1]), *row[2:12]), None)

"""PostgresInspection: the contract of store/inspection.py on PostgreSQL. Each page is a transaction of its own, so that
no snapshot of ours keeps dead rows from being vacuumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from kongflow.core.job import UnroutedJob
from kongflow.store.inspection import MOST_CHARACTERS, MOST_JOBS, LiveJob
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.routing import unrouted_job
from kongflow.store.rows import Row, names, stored_state


class PostgresInspection:
    """A look at one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def declared(self) -> tuple[str, str] | None:
        """See Inspection.declared."""
        rows = await self._access.rows("declared_in_force")
        return (rows[0][0], rows[0][1]) if rows else None

    async def live_jobs(self, after: int) -> Sequence[LiveJob]:
        """See Inspection.live_jobs."""
        rows = await self._access.rows("live_page", after=after, jobs=MOST_JOBS, characters=MOST_CHARACTERS)
        return list(map(_live_job, rows))


def _live_job(row: Row) -> LiveJob:
    id, task, payload, _, queue, _, _, _, _, flags, _, _, state, schedule = row
    as_unrouted = partial(_as_unrouted, row)
    return LiveJob(id, stored_state(state, 0), task, payload, queue, names(flags), schedule, as_unrouted)


def _as_unrouted(row: Row) -> UnroutedJob:
    return unrouted_job((*row[:12], None), None)

"""Routing: jobs that were added by SQL are read, some at a time, and the results of routing them written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from kongflow.core.job import JobOptions, NewJob, UnroutedJob
from kongflow.core.task import JobKeyMode, Keep
from kongflow.errors import StoreRefused
from kongflow.store.attempts import ended_text
from kongflow.store.instants import to_instant
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.adding import delay_of, new_job_arrays
from kongflow.store.records import Routed
from kongflow.store.refusals import Refusals
from kongflow.store.rows import Row, row_id

_NO_JOB = NewJob(task="", payload="{}")
"""Stands where a result is a failure."""


class Routing:
    """Reads and writes for one process, which knows how far it has read and what the database has refused."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._read_up_to = 0
        self._refusals = Refusals()

    async def unrouted(self, tasks: Iterable[str], limit: int) -> list[UnroutedJob]:
        """See Store.unrouted."""
        wanted = {"tasks": list(tasks), "after": self._read_up_to, "limit": limit}
        try:
            rows = await self._access.rows("unrouted", **wanted)
        except StoreRefused:
            rows = await self._access.rows("unrouted_alone", **wanted)
        self._read_up_to = rows[-1][0] if len(rows) == limit else 0
        self._look()
        return [unrouted_job(row, self._refusals.why(row[0])) for row in rows]

    async def route(self, routed: Sequence[Routed], retention: float) -> set[str]:
        """See Store.route. Where the database refuses, each half is written alone, down to the one to blame."""
        self._look()
        return await self._route(routed, retention)

    async def _route(self, routed: Sequence[Routed], retention: float) -> set[str]:
        if self._refusals.are_enough:
            return set()
        arrays, shift = _routed_arrays(routed), self._access.shift
        try:
            ids = await self._access.value("route", **arrays, retention=retention, shift=shift)
        except StoreRefused as error:
            if len(routed) == 1:
                self._refusals.add(row_id(routed[0].id), str(error))
                return set()
            halves = routed[: len(routed) // 2], routed[len(routed) // 2 :]
            return {id for half in halves for id in await self._route(half, retention)}
        return {str(id) for id in ids}

    def _look(self) -> None:
        self._refusals.look(int((time.monotonic() + self._access.shift.total_seconds()) * 1000))


def unrouted_job(row: Row, refused: str | None) -> UnroutedJob:
    """Return the job of a row of `unrouted.sql`."""
    id, task, payload, run_at, queue, priority, max_attempts, key, mode, flags, tags, was_rendered, unread = row
    return UnroutedJob(
        id=str(id),
        task=task,
        payload=payload,
        options=JobOptions(
            run_at=None if run_at is None else to_instant(run_at),
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            job_key=key,
            job_key_mode=None if mode is None else JobKeyMode(mode),
            flags=None if flags is None else tuple(flags),
            tags=None if tags is None else tuple(tags),
        ),
        was_rendered=was_rendered,
        refused=unread or refused,
    )


def _routed_arrays(routed: Sequence[Routed]) -> dict[str, list[Any]]:
    """Return the columns of results, each an array with one entry a result."""
    jobs = [result.job or _NO_JOB for result in routed]
    failures = [result.failure for result in routed]
    return {
        **new_job_arrays(jobs),
        "delays": [None if job.delay is None else delay_of(job) for job in jobs],
        "ids": [row_id(result.id) for result in routed],
        "failures": [None if failure is None else failure.reason for failure in failures],
        "ended": [None if failure is None else ended_text(failure) for failure in failures],
        "keeps": [result.keep in (Keep.ALL, Keep.FAILED) for result in routed],
    }

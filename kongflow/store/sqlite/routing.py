"""Routing: jobs that were added by SQL, until they are validated and rendered."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from kongflow.core.catalog import Retention
from kongflow.core.job import JobOptions, NewJob, Reason, UnroutedJob
from kongflow.core.task import JobKeyMode
from kongflow.errors import StoreRefused
from kongflow.store.attempts import ended_text
from kongflow.store.instants import to_instant
from kongflow.store.records import Routed
from kongflow.store.refusals import Refusals
from kongflow.store.rows import Row, due, due_at, json_list, names, row_id
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.adding import supersede_older
from kongflow.store.sqlite.ending import cancel_waiting, finish
from kongflow.store.sqlite.faults import is_damage, is_refusal
from kongflow.store.sqlite.transaction import Transaction


class Routing:
    """Reads and writes for one process, which knows how far it has read and what the file has refused."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._read_up_to = 0
        self._refusals = Refusals()

    async def unrouted(self, tasks: Iterable[str], limit: int) -> list[UnroutedJob]:
        """See Store.unrouted."""
        known, after = json.dumps(sorted(tasks)), self._read_up_to
        rows = await self._access.read(
            lambda connection: self._access.reading(connection).all(
                "unrouted_jobs", tasks=known, after=after, limit=limit
            )
        )
        self._read_up_to = rows[-1][0] if len(rows) == limit else 0
        self._refusals.look(self._access.clock.monotonic())
        return [unrouted_job(row, self._refusals.why(row[0])) for row in rows]

    async def route(self, routed: Sequence[Routed], retention: Retention) -> set[str]:
        """See Store.route. Where the file refuses, each result is written by itself."""
        in_order = sorted(routed, key=lambda result: row_id(result.id))
        try:
            return await self._access.write(
                lambda tx: {result.id for result in in_order if _route(tx, result, retention)}
            )
        except StoreRefused:
            return await self._access.write(lambda tx: self._route_each(tx, in_order, retention))

    def _route_each(self, tx: Transaction, routed: Sequence[Routed], retention: Retention) -> set[str]:
        self._refusals.look(tx.monotonic)
        written: set[str] = set()
        for result in routed:
            try:
                with tx.apart():
                    if _route(tx, result, retention):
                        written.add(result.id)
            except sqlite3.DatabaseError as error:
                if is_damage(error) or not is_refusal(error):
                    raise
                self._refusals.add(row_id(result.id), str(error))
        return written


def _route(tx: Transaction, routed: Routed, retention: Retention) -> bool:
    job_id = row_id(routed.id)
    row = tx.one("unrouted_job", id=job_id)
    if row is None:
        return False
    if routed.failure is not None:
        finish(tx, job_id, None, routed.failure, ended_text(routed.failure), keep=routed.keep, retention=retention)
    elif routed.job is not None:
        _make_live(tx, job_id, row, routed.job)
    return True


def _make_live(tx: Transaction, id: int, row: Row, job: NewJob) -> None:
    """The key rules of an enqueue hold, with the ids as the order of adding: the newest job of a key wins."""
    run_at, created_at = row
    known = run_at if run_at is not None else created_at
    when = due_at(known, tx.now) if job.run_at is None and job.delay is None else due(job, tx.now)
    if job.job_key is not None:
        waiting = tx.one("key_waiting", key=job.job_key)
        claimed = tx.all("key_claimed", key=job.job_key)
        holders = [held[0] for held in ([waiting] if waiting else []) + claimed]
        dedupes = job.job_key_mode is JobKeyMode.UNSAFE_DEDUPE and holders
        if dedupes or any(holder > id for holder in holders):
            cancel_waiting(tx, id, Reason.SUPERSEDED)
            return
        if waiting is not None:
            if job.job_key_mode is JobKeyMode.PRESERVE_RUN_AT:
                when = due_at(waiting[2], tx.now)
            cancel_waiting(tx, waiting[0], Reason.SUPERSEDED)
    tx.run(
        "route_job",
        id=id,
        task=job.task,
        state=when.state,
        queue=job.queue,
        rule=job.rule,
        priority=job.priority,
        run_at=when.run_at,
        ready_at=when.ready_at,
        max_attempts=job.max_attempts,
        key=job.job_key,
        flags=json_list(job.flags),
        tags=json_list(job.tags),
        payload=job.payload,
    )
    if job.job_key is not None:
        supersede_older(tx, job.job_key, id)


def unrouted_job(row: Row, refused: str | None) -> UnroutedJob:
    """Return the job of a row of `unrouted_jobs.sql`."""
    job_id, task, payload, run_at, queue, priority, max_attempts, key, mode, flags, tags, was_rendered = row
    return UnroutedJob(
        id=str(job_id),
        task=task,
        payload=text_of(payload) or "",
        options=JobOptions(
            run_at=None if run_at is None else to_instant(run_at),
            queue=text_of(queue),
            priority=priority,
            max_attempts=max_attempts,
            job_key=text_of(key),
            job_key_mode=None if mode is None else JobKeyMode(mode),
            flags=None if flags is None else names(text_of(flags)),
            tags=None if tags is None else names(text_of(tags)),
        ),
        was_rendered=bool(was_rendered),
        refused=refused,
    )


def text_of(value: bytes | None) -> str | None:
    """What a plain SQL insert stored as text may be no UTF-8; such bytes show as U+FFFD, and the checks judge."""
    return None if value is None else value.decode("utf-8", errors="replace")

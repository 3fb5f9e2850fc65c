"""Routing: jobs that were added by SQL, until they are validated and rendered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from kongflow.core.catalog import Retention
from kongflow.core.job import JobOptions, NewJob, Reason, UnroutedJob
from kongflow.core.task import JobKeyMode
from kongflow.store.attempts import ended_text
from kongflow.store.instants import to_instant
from kongflow.store.records import Routed
from kongflow.store.rows import Row, due, due_at, json_list, names, row_id
from kongflow.store.sqlite.adding import supersede_older
from kongflow.store.sqlite.ending import cancel_waiting, finish
from kongflow.store.sqlite.transaction import Transaction


def unrouted_jobs(tx: Transaction, tasks: Iterable[str], after: int, limit: int) -> list[UnroutedJob]:
    """Return unrouted jobs of known tasks in id order, from the one after `after` on."""
    rows = tx.all("unrouted_jobs", tasks=json.dumps(sorted(tasks)), after=after, limit=limit)
    return [_unrouted_job(row) for row in rows]


def route_jobs(tx: Transaction, routed: Sequence[Routed], retention: Retention) -> set[str]:
    """Write the results for jobs that are still unrouted, in id order, and return their ids."""
    in_order = sorted(routed, key=lambda result: row_id(result.id))
    return {result.id for result in in_order if _route(tx, result, retention)}


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


def _unrouted_job(row: Row) -> UnroutedJob:
    job_id, task, payload, run_at, queue, priority, max_attempts, key, mode, flags, tags, was_rendered = row
    return UnroutedJob(
        id=str(job_id),
        task=task,
        payload=_text(payload) or "",
        options=JobOptions(
            run_at=None if run_at is None else to_instant(run_at),
            queue=_text(queue),
            priority=priority,
            max_attempts=max_attempts,
            job_key=_text(key),
            job_key_mode=None if mode is None else JobKeyMode(mode),
            flags=None if flags is None else names(_text(flags)),
            tags=None if tags is None else names(_text(tags)),
        ),
        was_rendered=bool(was_rendered),
    )


def _text(value: bytes | None) -> str | None:
    """What a plain SQL insert stored as text may be no UTF-8; such bytes show as U+FFFD, and the checks judge."""
    return None if value is None else value.decode("utf-8", errors="replace")

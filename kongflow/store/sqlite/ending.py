"""Ending: how a job leaves the live ones, or only its attempt ends. Every end goes through here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kongflow.core.catalog import Retention
from kongflow.core.job import Job, JobState, Reason
from kongflow.core.outcome import Finish, RunAgain
from kongflow.core.task import Keep
from kongflow.store.attempts import ended_text
from kongflow.store.instants import seconds_later
from kongflow.store.records import Settlement
from kongflow.store.rows import CANCELLED, READY, SCHEDULED, STORED_STATE, job_of, row_id
from kongflow.store.sqlite.transaction import Transaction

READABLE_AFTER_AWAIT = 600.0
"""Seconds that the outcome of an awaited job stays readable, whatever `keep` says: 10 minutes."""


def finish(
    tx: Transaction,
    id: int,
    lease: int | None,
    end: Finish,
    ended: str | None,
    *,
    keep: Keep,
    retention: Retention,
    crashed: bool = False,
) -> bool:
    """End a job: to the history, where it is kept or awaited, and out of the live ones. False: the lease is lost.

    `lease` None ends a job that nobody runs. `ended` is what is kept of its attempt, None where there was none.
    """
    tx.run("finish_to_history", **_history(tx, id, lease, end, ended, keep, retention, crashed))
    row = tx.one("finish_job", id=id, lease=lease)
    if row is None:
        return False
    queue, key = row
    tx.touch(queue)
    if key is not None:
        tx.run("forget_newest", key=key)
    return True


def finish_succeeded(tx: Transaction, ends: Sequence[Settlement], retention: Retention) -> set[int]:
    """As `finish`, for many attempts that succeeded: returns the leases that held."""
    ids, leases = json.dumps([row_id(end.id) for end in ends]), json.dumps([end.lease for end in ends])
    keeps_all = all(end.keep is Keep.ALL for end in ends)
    awaited = set() if keeps_all else {row[0] for row in tx.all("awaited_jobs", ids=ids)}
    tx.many(
        "finish_to_history",
        [
            _history(tx, job_id, end.lease, end.transition, ended, end.keep, retention, crashed=False)
            for job_id, end, ended in ((row_id(end.id), end, ended_text(end.transition, end.log)) for end in ends)
            if isinstance(end.transition, Finish) and (end.keep is Keep.ALL or job_id in awaited)
        ],
    )
    held: set[int] = set()
    for lease, queue, key in tx.all("finish_jobs", ids=ids, leases=leases):
        held.add(lease)
        tx.touch(queue)
        if key is not None:
            tx.run("forget_newest", key=key)
    return held


def run_again(tx: Transaction, id: int, lease: int, again: RunAgain, ended: str, *, crashed: bool) -> bool:
    """Let a job wait for its next attempt. False: the lease is lost.

    What comes back without a delay and without an outcome (released, crashed) keeps its `run_at`, which is its place
    in the order.
    """
    keeps_place = again.delay <= 0 and not again.clears_crashes
    row = tx.one(
        "run_again",
        id=id,
        lease=lease,
        state=READY if again.delay <= 0 else SCHEDULED,
        run_at=None if keeps_place else seconds_later(tx.now, again.delay),
        gives_back=int(again.gives_back),
        clears_crashes=int(again.clears_crashes),
        crashes=int(crashed),
        ended=ended,
        now=tx.now,
    )
    if row is None:
        return False
    tx.touch(row[0])
    return True


def cancel_waiting(tx: Transaction, id: int, reason: Reason) -> Job | None:
    """Cancel a job that nobody runs and return it as it ended; None where there is none."""
    row = tx.one("get_live", id=id)
    if row is None or not finish(
        tx, id, None, Finish(JobState.CANCELLED, reason), None, keep=Keep.ALL, retention=published_retention(tx)
    ):
        return None
    ended = list(row)
    ended[2], ended[15], ended[24] = CANCELLED, reason, tx.now
    return job_of(ended)


def published_retention(tx: Transaction) -> Retention:
    """Return the retention of the config that came last, for ends that no runner writes."""
    row = tx.one("published_retention")
    return Retention() if row is None else retention_of(row[0])


def retention_text(retention: Retention) -> str:
    """Return the stored form of a retention."""
    return f"{retention.succeeded} {retention.failed} {retention.cancelled}"


def retention_of(text: str) -> Retention:
    """Return a stored retention."""
    return Retention(*map(float, text.split()))


def _history(
    tx: Transaction,
    id: int,
    lease: int | None,
    end: Finish,
    ended: str | None,
    keep: Keep,
    retention: Retention,
    crashed: bool,
) -> dict[str, object]:
    kept = keep is Keep.ALL or (keep is Keep.FAILED and end.state is JobState.FAILED)
    return {
        "id": id,
        "lease": lease,
        "state": STORED_STATE[end.state],
        "reason": end.reason,
        "detail": end.detail,
        "result": end.result,
        "ended": ended,
        "crashes": int(crashed),
        "keep": int(kept),
        "now": tx.now,
        "purge_at": seconds_later(tx.now, getattr(retention, end.state)) if kept else 0,
        "awaited_until": seconds_later(tx.now, READABLE_AFTER_AWAIT),
    }

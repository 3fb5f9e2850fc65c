"""Handing over: a settle that frees the slot of a serial queue leases the queue's next job at once."""

from __future__ import annotations

from collections.abc import Set

from kongflow.store.sqlite.claiming import MOST_DUE, ClaimedJobRow, JoinedRunner, lease_jobs
from kongflow.store.sqlite.lanes import normalise_touched
from kongflow.store.sqlite.roster import Limits, Roster
from kongflow.store.sqlite.transaction import Transaction

_SERIAL = Limits(1)


def hand_over(
    tx: Transaction, roster: Roster, joined: JoinedRunner, runner: int, queues: Set[str | None]
) -> list[ClaimedJobRow]:
    """Lease the best ready jobs, as long as each is the next of one of these queues, which were touched just now, and
    may be had without a claim: its queue is serial, without a rate and without a pattern that shares its slots.
    """
    live = roster.runners.get(runner)
    if live is None or tx.run("promote_due", now=tx.now, limit=MOST_DUE) == MOST_DUE:
        return []
    found = normalise_touched(tx, roster)
    # More may be ready than have a slot, where there were too many to block them in one go.
    heads = {id for queue in queues if queue is not None for id in found[queue].heads or ()}
    picked = []
    with tx.reading("ready") as rows:
        for row in rows:
            id, task, flags, queue, crashes, *_ = row
            if id not in heads or roster.limits(queue) != _SERIAL or crashes:
                break
            if not roster.mine(live, task, flags, queue):
                break
            picked.append(row)
    if picked:
        tx.run("renew_in_time", runner=runner, boot=tx.boot, mono=tx.monotonic, now=tx.now)
    return lease_jobs(tx, joined, live, picked)

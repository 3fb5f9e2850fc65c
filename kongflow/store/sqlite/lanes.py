"""Lanes: which jobs of a queue are ready and which are blocked.

An enqueue makes a job ready without looking at its queue. `normalise` puts a queue right: its best jobs, as many as it
has free slots, are ready, every other is blocked. A job that no live runner may take holds neither slot nor place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from kongflow.store.rows import BLOCKED, READY, Row
from kongflow.store.sqlite.roster import Roster
from kongflow.store.sqlite.transaction import Transaction

MOST_MOVED = 2_000
"""Jobs moved between ready and blocked for one queue in one go: bounds the time that the file is locked."""
MOST_QUEUES = 1_000
"""Noted queues looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What `normalise` found. `heads` are the ids that may be claimed; None where the queue has no limit."""

    heads: frozenset[int] | None
    promoted: int = 0
    more: bool = False
    """True where jobs may be left to move, because of MOST_MOVED."""


def normalise(tx: Transaction, roster: Roster, queue: str) -> Lane:
    """Put one queue right: promote its best blocked jobs into free slots, demote ready ones beyond them."""
    if not roster.runners:
        return Lane(frozenset())  # nobody takes anything; who comes puts every queue right
    limit = roster.limit(queue)
    if limit is None:
        return _release_all(tx, roster, queue)
    running = tx.one("lane_running", queue=queue)
    free = max(limit - (running[0] if running else 0), 0)
    ready = tx.all("lane_ready", queue=queue, limit=free + MOST_MOVED)
    heads = _heads(tx, roster, queue, ready, free) if free else []
    ids = frozenset(row[2] for row in heads)
    promoted = [row[2] for row in heads if row[3] == BLOCKED]
    demoted = [row[2] for row in ready if row[2] not in ids]
    tx.many("set_state", [{"id": job_id, "state": READY} for job_id in promoted])
    tx.many("set_state", [{"id": job_id, "state": BLOCKED} for job_id in demoted])
    return Lane(ids, len(promoted), more=len(ready) == free + MOST_MOVED)


def normalise_touched(tx: Transaction, roster: Roster) -> None:
    """Put every queue right that this transaction touched; what is too much for one go is noted for the next claim."""
    for queue in sorted(tx.touched):
        if normalise(tx, roster, queue).more:
            tx.run("check_queue", queue=queue)
    tx.touched.clear()


def normalise_noted(tx: Transaction, roster: Roster, most: int = MOST_QUEUES) -> bool:
    """Put noted queues right, up to `most`; return whether any is left for the next time."""
    noted = tx.all("noted_queues", limit=most)
    left = len(noted) == most
    for (queue,) in noted:
        if normalise(tx, roster, queue).more:
            left = True
        else:
            tx.run("checked_queue", queue=queue)
    return left


def _heads(tx: Transaction, roster: Roster, queue: str, ready: list[Row], free: int) -> list[Row]:
    """Return the best `free` jobs, ready or blocked, that some live runner may take."""
    heads = [row for row in ready if roster.takeable(row[4], row[5], queue)][:free]
    last = tuple(heads[-1][:3]) if len(heads) == free else None
    better: list[Row] = []
    with tx.reading("lane_blocked", queue=queue) as blocked:
        for row in blocked:
            if len(better) == free or (last is not None and tuple(row[:3]) > last):
                break
            if roster.takeable(row[4], row[5], queue):
                better.append(row)
    return sorted([*heads, *better], key=lambda row: tuple(row[:3]))[:free] if better else heads


def _release_all(tx: Transaction, roster: Roster, queue: str) -> Lane:
    with tx.reading("lane_blocked", queue=queue) as blocked:
        takeable = (row[2] for row in blocked if roster.takeable(row[4], row[5], queue))
        ids = list(islice(takeable, MOST_MOVED))
    tx.many("set_state", [{"id": job_id, "state": READY} for job_id in ids])
    return Lane(None, len(ids), more=len(ids) == MOST_MOVED)

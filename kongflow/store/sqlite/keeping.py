"""Keeping: what maintenance does, each call a bounded piece of work."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from kongflow.core.job import Reason
from kongflow.store.records import Pending
from kongflow.store.rows import RUNNING, SCHEDULED
from kongflow.store.sqlite.ending import cancel_waiting
from kongflow.store.sqlite.faults import is_damage, is_refusal
from kongflow.store.sqlite.lanes import normalise_all, normalise_noted
from kongflow.store.sqlite.roster import Roster
from kongflow.store.sqlite.sweeping import begin_sweep
from kongflow.store.sqlite.transaction import Transaction

MOST_BURIED = 200
"""Jobs of removed tasks moved or cancelled in one transaction."""
LOST = 0
"""In place of the id of a runner that has not renewed for a lease."""
SLOTS_KEPT = 86_400_000
"""Milliseconds for which it is known what became of a slot: a clock that is set back by less repeats none."""
RUNNER_ROWS_KEPT = 7 * 86_400_000
"""Milliseconds that the row of a runner stays after its last renewal, so that its jobs can be traced."""


def repair_queues(tx: Transaction, roster: Roster, after: str, limit: int) -> tuple[int, str]:
    """Look at up to `limit` lanes with blocked jobs, from the one after `after` on. Return how many free slots had to
    be filled although nothing pointed at their lane, and where to go on; an empty place is the beginning. Where a
    change is refused, all lanes are noted: the next claims get past it.
    """
    try:
        with tx.apart():
            return _repair(tx, roster, after, limit)
    except sqlite3.DatabaseError as error:
        if is_damage(error) or not is_refusal(error):
            raise
        begin_sweep(tx)
        return 0, after


def _repair(tx: Transaction, roster: Roster, after: str, limit: int) -> tuple[int, str]:
    if normalise_noted(tx, roster, limit):
        return 0, after
    lanes = [row[0] for row in tx.all("blocked_lanes", after=after, limit=limit)]
    filled = sum(right.filled for right in normalise_all(tx, roster, lanes).values())
    return filled, lanes[-1] if len(lanes) == limit else ""


def jobs_to_bury(tx: Transaction, tombstones: Mapping[str, str | None]) -> list[int]:
    """Return up to MOST_BURIED waiting jobs of tasks that are gone; a read, which keeps nobody out."""
    return [row[0] for row in tx.all("jobs_of_tasks", tasks=json.dumps(sorted(tombstones)), limit=MOST_BURIED)]


def bury_jobs(tx: Transaction, ids: Sequence[int], tombstones: Mapping[str, str | None]) -> int:
    """Move those of some jobs that still wait for tasks that are gone to their new name, or cancel them: how many."""
    waiting = tx.all("jobs_to_bury", ids=json.dumps(ids), tasks=json.dumps(sorted(tombstones)))
    for job_id, task, queue in waiting:
        renamed_to = tombstones[task]
        if renamed_to is None:
            cancel_waiting(tx, job_id, Reason.REMOVED)
        else:
            tx.run("rename_job", id=job_id, task=renamed_to)
            tx.touch(queue)
    return len(waiting)


def prune_finished(tx: Transaction, latest: int, limit: int) -> int:
    """Delete finished jobs whose retention has passed, and rows of starts, slots, runners and configs that nobody
    needs. Return how many jobs and starts. It is `latest` at most, whatever the host's clock says.
    """
    now = min(tx.now, latest)
    tx.run("prune_runners", before=now - RUNNER_ROWS_KEPT)
    tx.run("prune_configs")
    tx.run("prune_slots", before=now - SLOTS_KEPT, limit=10 * limit)
    starts = tx.run("prune_starts", now=now, limit=10 * limit)
    return starts + tx.run("prune_history", now=now, limit=limit)


def count_pending(tx: Transaction, roster: Roster, id: int) -> Pending:
    """Return what is left as one runner sees it."""
    now = later = others = 0
    runner = roster.runners.get(id)
    for state, task, flags, queue, held_by, is_due, count in tx.all(
        "pending", now=tx.now, boot=tx.boot, mono=tx.monotonic
    ):
        if state == RUNNING and held_by != LOST:
            others += 0 if held_by == id else count
        elif runner is None or not roster.mine(runner, task, flags, queue):
            others += count
        elif (state == SCHEDULED and not is_due) or (queue is not None and roster.limits(queue).slots == 0):
            later += count
        else:
            now += count
    return Pending(now, later, others)

"""Refused: jobs for which a claim is refused, because a trigger raises, are got out of the way of all others."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice

from kongflow.core.attempts import AttemptError
from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish
from kongflow.core.task import Keep
from kongflow.errors import StoreRefused
from kongflow.store.attempts import ended_text
from kongflow.store.instants import seconds_later
from kongflow.store.records import Refused
from kongflow.store.refusals import PUT_OFF, TRIED, nothing_is_claimed
from kongflow.store.rows import Row
from kongflow.store.sqlite.claiming import MOST_DUE, JoinedRunner, lease_jobs, pick
from kongflow.store.sqlite.ending import finish
from kongflow.store.sqlite.faults import is_damage, is_refusal
from kongflow.store.sqlite.lanes import MOST_LANES, blocked, with_patterns
from kongflow.store.sqlite.roster import LiveRunner, Roster
from kongflow.store.sqlite.sweeping import sweep
from kongflow.store.sqlite.transaction import Transaction


class _Undone(Exception):
    """What was tried is undone."""


def set_aside(
    tx: Transaction,
    roster: Roster,
    joined: JoinedRunner,
    runner: LiveRunner,
    limit: int,
    suspects: int,
    error: StoreRefused,
) -> list[Refused]:
    """After a claim was refused, try each job alone that is due, that waits in a noted lane or that it might have
    leased. What is refused is put off; what cannot be changed at all fails, where others can. Return what is out of
    the way.

    Raises: StoreRefused where nothing is. A damaged file stays so: SQLite writes nothing more in such a transaction.
    """
    moved: list[Refused] = []
    stuck: list[tuple[int, str, str]] = []
    waiting = tx.all("due_jobs", now=tx.now, limit=MOST_DUE) + _next_of_noted(tx, roster)
    for job_id, task in waiting:  # more may be ready than have a slot: a claim blocks them again
        if why := _refusal(tx, partial(tx.run, "promote_job", id=job_id)):
            stuck.append((job_id, task, why))
    for most in TRIED:
        ready = pick(tx, roster, joined, runner, max(limit, most), suspects)
        for row in ready:
            job_id, task, _, queue, *_ = row
            if not (why := _refusal(tx, partial(_lease_and_undo, tx, joined, runner, row))):
                continue
            if _refusal(tx, partial(_put_off, tx, job_id)):
                stuck.append((job_id, task, why))
            else:
                tx.touch(queue)
                moved.append(Refused(str(job_id), task, why))
        if moved or stuck:
            break
    if len(stuck) + len(moved) < len(waiting) + len(ready):
        moved += [
            Refused(str(job_id), task, why, has_failed=True)
            for job_id, task, why in stuck
            if not _refusal(tx, partial(_fail, tx, joined, job_id, task, why))
        ]
    if not moved:
        raise nothing_is_claimed(error, [(job_id, why) for job_id, _, why in stuck]) from error
    tx.note_touched()  # what comes next in their queues may be refused too: that is for the next claim
    return moved


def _next_of_noted(tx: Transaction, roster: Roster) -> list[Row]:
    """Return the best blocked jobs of the lanes that a claim would put right now, each with its task; the notes of
    these lanes stay.
    """
    lanes = [row[0] for row in tx.all("noted_lanes", now=tx.now, limit=MOST_LANES)]
    with suppress(_Undone), tx.apart():
        lanes += sweep(tx, roster, MOST_LANES)
        raise _Undone
    named = with_patterns(roster, lanes)
    return [(row[2], row[4]) for lane in named for row in islice(blocked(tx, roster, lane), TRIED[0])]


def _lease_and_undo(tx: Transaction, joined: JoinedRunner, runner: LiveRunner, row: Row) -> None:
    with suppress(_Undone), tx.apart():
        lease_jobs(tx, joined, runner, [row])
        raise _Undone


def _put_off(tx: Transaction, job_id: int) -> None:
    tx.run("reschedule", id=job_id, run_at=seconds_later(tx.now, PUT_OFF), now=tx.now)


def _fail(tx: Transaction, joined: JoinedRunner, job_id: int, task: str, why: str) -> None:
    end = Finish(JobState.FAILED, Reason.ERROR, error=AttemptError(StoreRefused.__name__, why))
    keep = joined.info.tasks[task].keep if task in joined.info.tasks else Keep.ALL
    finish(tx, job_id, None, end, ended_text(end), keep=keep, retention=joined.info.retention)


def _refusal(tx: Transaction, change: Callable[[], object]) -> str | None:
    """Make a change; where it is refused, undo all of it and return why."""
    try:
        with tx.apart():
            change()
    except sqlite3.DatabaseError as error:
        if is_damage(error) or not is_refusal(error):
            raise
        return str(error) or type(error).__name__
    return None

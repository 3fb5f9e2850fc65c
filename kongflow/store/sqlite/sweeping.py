"""Sweeping: when who may take what, or a limit, has changed, the claims look at every lane with blocked jobs, some at
a time: there may be a million, and the file is locked meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from kongflow.store.sqlite.roster import Roster
from kongflow.store.sqlite.transaction import Transaction

MOST_RELEASED = 2_000
"""Jobs that one part of a sweep gives to another lane."""


def begin_sweep(tx: Transaction) -> None:
    """Let the next claims look at every lane with blocked jobs.

    A sweep that is under way goes on from its place and round to it again: else where changes follow one another the
    last names would never be reached.
    """
    under_way = tx.one("next_sweep")
    tx.run("forget_sweeps")
    tx.run("note_sweep", place=under_way[0] if under_way else "", up_to=None)
    if under_way and under_way[0]:
        tx.run("note_sweep", place="", up_to=under_way[0])


def sweep(tx: Transaction, roster: Roster, most: int) -> list[str]:
    """Go on with a sweep: return the next lanes with blocked jobs, up to `most`, after jobs that wait for a pattern
    which their queue does not share any more have been given to their queue. The patterns come at the end, by notes:
    until then such a job may have got a slot of theirs.
    """
    part = tx.one("next_sweep")
    if part is None:
        return []
    place, up_to = part
    names = [row[0] for row in tx.all("names_of_waiting", after=place, limit=most)]
    names = [name for name in names if up_to is None or name <= up_to]
    tx.run("forget_sweep", place=place)
    if _release_moved(tx, roster, names) >= MOST_RELEASED:
        tx.run("note_sweep", place=place, up_to=up_to)
    elif len(names) == most:
        tx.run("note_sweep", place=names[-1], up_to=up_to)
    else:
        for pattern in roster.shared_patterns:
            if tx.one("any_blocked", lane=pattern):
                tx.run("check_lane", lane=pattern)
    return [name for name in names if tx.one("any_blocked", lane=name)]


def is_sweeping(tx: Transaction) -> bool:
    """Say whether a sweep is under way."""
    return tx.one("next_sweep") is not None


def _release_moved(tx: Transaction, roster: Roster, queues: Iterable[str]) -> int:
    """Let jobs that wait for a slot of a pattern wait for their queue, where the queue has another rule now; return how
    many.
    """
    moved = 0
    for queue in queues:
        pattern = roster.limits(queue).pattern or ""
        moved += tx.run("move_to_queue", queue=queue, pattern=pattern, limit=MOST_RELEASED - moved)
    return moved

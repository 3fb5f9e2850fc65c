"""Lanes: which jobs of a queue are ready and which are blocked.

A lane is a queue with a limit, or a pattern whose `max_active` all its queues share. An enqueue makes a job ready
without looking. `normalise` puts a lane right: its best jobs, as many as it has free slots, are ready, every other is
blocked. A job that no live runner may take holds neither slot nor place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from kongflow.core.queue import RateLimit
from kongflow.store.rows import BLOCKED, READY, Row
from kongflow.store.sqlite.roster import NO_LIMIT, Limits, Roster
from kongflow.store.sqlite.sweeping import is_sweeping, sweep
from kongflow.store.sqlite.transaction import Transaction

MOST_MOVED, LEAST_MOVED = 2_000, 20
"""Jobs moved between ready and blocked in one go, which the lanes share, and those of one lane that are worth the look:
bounds the time that the file is locked.
"""
MOST_NAMES = 200
"""Queues of a pattern that are looked at by their names in one go."""
MOST_LANES = 100
"""Noted lanes looked at in one transaction."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What `normalise` found. `heads` are the ids that may be claimed; None where the lane has no limit."""

    heads: frozenset[int] | None
    filled: int = 0
    """Free slots for which a blocked job was made ready; one that takes the place of a ready job does not count."""
    blocked: bool = False
    """True where a ready job was blocked, which may have held a place of the pattern that the queue shares."""
    more: bool = False
    """True where jobs may be left to move, because of the bound."""


def normalise(tx: Transaction, roster: Roster, lane: str, most: int = MOST_MOVED) -> Lane:
    """Put one lane right: promote its best blocked jobs into free slots; of a queue, demote up to `most` ready ones
    beyond them.
    """
    if not roster.runners:
        return Lane(frozenset())  # nobody takes anything; who comes puts every lane right
    if "*" in lane:
        return _normalise_pattern(tx, roster, lane)
    limits = roster.limits(lane)
    if limits.rate is None and tx.one("refill", lane=lane):
        tx.run("forget_refill", lane=lane)  # a deploy has taken the limit away
    if limits.slots is None:
        return _release_all(tx, roster, lane, most)
    free, refill_at = _within_rate(tx, lane, limits.rate, free_of_queue(tx, lane, limits))
    ready = _ready_of_queue(tx, roster, lane, free + most)
    heads = _best(tx, roster, lane, ready, free) if free else []
    ids = frozenset(row[2] for row in heads)
    beyond = [row[2] for row in ready if row[2] not in ids]
    _promote(tx, heads)
    block(tx, lane, beyond)
    if limits.rate is not None:
        _note_refill(tx, lane, refill_at)
    filled = len(heads) - min(len(ready), free)
    return Lane(ids, filled, blocked=bool(beyond), more=len(ready) >= free + most)


def normalise_all(tx: Transaction, roster: Roster, lanes: Iterable[str]) -> dict[str, Lane]:
    """Put lanes right and return what was found, of each by its name. Where a queue blocked a ready job, its pattern
    may have a place for another now: it is put right after all of them.
    """
    named = sorted(lanes)
    most = max(MOST_MOVED // max(len(named), 1), LEAST_MOVED)
    found = {lane: normalise(tx, roster, lane, most) for lane in named}
    patterns = {roster.limits(queue).pattern for queue, right in found.items() if right.blocked}
    for pattern in sorted(pattern for pattern in patterns if pattern is not None):
        normalise(tx, roster, pattern)
    return found


def normalise_touched(tx: Transaction, roster: Roster) -> dict[str, Lane]:
    """Put every lane right that this transaction touched, and return what was found; what is too much for one go is
    noted for the next claim.
    """
    found = normalise_all(tx, roster, with_patterns(roster, tx.touched))
    for lane, right in found.items():
        if right.more:
            tx.run("check_lane", lane=lane)
    tx.touched.clear()
    return found


def normalise_noted(tx: Transaction, roster: Roster, most: int = MOST_LANES) -> bool:
    """Put noted lanes right, those whose rate limit is filled again and, where few are noted, the next ones of a sweep,
    up to `most` of each; return whether any is left for the next time.
    """
    noted = [row[0] for row in tx.all("noted_lanes", now=tx.now, limit=most)]
    left = len(noted) == most
    swept = [] if left else sweep(tx, roster, most)
    for lane, right in normalise_all(tx, roster, with_patterns(roster, [*noted, *swept])).items():
        if right.more:
            tx.run("check_lane", lane=lane)
            left = True
        else:
            tx.run("checked_lane", lane=lane)
    return left or is_sweeping(tx)


def block(tx: Transaction, lane: str, ids: Iterable[int]) -> None:
    """Let ready jobs wait in a lane."""
    tx.many("block_job", [{"id": job_id, "lane": lane} for job_id in ids])


def free_of_pattern(tx: Transaction, roster: Roster, pattern: str) -> int | None:
    """Return how many more jobs of a pattern's queues may run; None where they share no limit."""
    slots = roster.pattern_slots(pattern)
    if slots is None:
        return None
    running: list[int] = [count for queue, count in tx.all("running_queues") if roster.limits(queue).pattern == pattern]
    return max(slots - sum(running), 0)


def ready_of_pattern(tx: Transaction, roster: Roster, pattern: str) -> Iterator[Row]:
    """Yield the ready jobs of a pattern's queues that some live runner may take, best: place and queue of each."""
    kinds = {row[0] for row in tx.all("ready_kinds") if roster.takeable_kind(row[0], of_rule=pattern)}
    told = {kind for kind in kinds if roster.rule_of_kind(kind) == pattern}
    names = ready_names(tx, pattern) if kinds - told else []
    named = ready_by_name(tx, names, kinds - told, lambda queue: roster.limits(queue).pattern == pattern)
    with ExitStack() as stack:
        rows = [stack.enter_context(tx.reading("ready_of_kind", kind=kind)) for kind in sorted(told)]
        rows += [stack.enter_context(tx.reading("ready_of_name", queue=queue, kind=kind)) for queue, kind in named]
        for job_id, task, flags, queue, _, _, _, priority, run_at in merge(*rows, key=_place_of_ready):
            if roster.takeable(task, flags, queue) and roster.limits(queue).pattern == pattern:
                yield priority, run_at, job_id, READY, queue


def ready_by_name(
    tx: Transaction, queues: Iterable[str], kinds: Collection[str], is_meant: Callable[[str], bool]
) -> list[tuple[str, str]]:
    """Return those of some queues that are meant, each with a kind of its ready jobs that is one of `kinds`: these do
    not tell whether their jobs are meant, and may hold a million for others.
    """
    return [
        (queue, row[0])
        for queue in sorted(set(filter(is_meant, queues)))
        for row in tx.all("ready_kinds_of_queue", queue=queue)
        if row[0] in kinds
    ]


def ready_names(tx: Transaction, pattern: str, after: str = "") -> list[str]:
    """Return the names of queues with ready jobs that begin as a pattern does: the first MOST_NAMES after a place."""
    prefix = pattern.partition("*")[0]
    return [row[0] for row in tx.all("ready_names", prefix=prefix, after=after, limit=MOST_NAMES)]


def free_of_queue(tx: Transaction, queue: str, limits: Limits) -> int:
    """Return how many more jobs of a queue may run beside those that run, or wait for a slot of the pattern."""
    if limits.slots is None:
        return NO_LIMIT
    free = limits.slots - _count(tx, "running_of_queue", queue)
    if limits.pattern is not None:
        free -= _count(tx, "waiting_for_pattern", queue)
    return max(free, 0)


def _normalise_pattern(tx: Transaction, roster: Roster, pattern: str) -> Lane:
    """Promote jobs that wait for a slot of a pattern; ready ones beyond the slots are blocked by the claim that meets
    them. One that is ready and finds its queue full holds no slot of the pattern.
    """
    if tx.one("any_blocked", lane=pattern) is None:
        return Lane(frozenset())
    free = free_of_pattern(tx, roster, pattern)
    if free is None:
        return _release_all(tx, roster, pattern, MOST_MOVED)
    room: dict[str, int] = {}
    near = islice(ready_of_pattern(tx, roster, pattern), free + MOST_MOVED)
    ready = list(islice((row for row in near if _takes_room(tx, roster, row[4], room)), free))
    heads = _best(tx, roster, pattern, ready, free) if free else []
    _promote(tx, heads)
    return Lane(frozenset(row[2] for row in heads), len(heads) - len(ready))


def _takes_room(tx: Transaction, roster: Roster, queue: str, room: dict[str, int]) -> bool:
    """Say whether one more ready job of a queue may start, beside those that were counted in `room` before."""
    if queue not in room:
        limits = roster.limits(queue)
        room[queue], _ = _within_rate(tx, queue, limits.rate, free_of_queue(tx, queue, limits))
    room[queue] -= 1
    return room[queue] >= 0


def _release_all(tx: Transaction, roster: Roster, lane: str, most: int) -> Lane:
    rows = list(islice(blocked(tx, roster, lane), most))
    _promote(tx, rows)
    return Lane(None, len(rows), more=len(rows) == most)


def _ready_of_queue(tx: Transaction, roster: Roster, queue: str, most: int) -> list[Row]:
    """Return the best ready jobs of a queue that some live runner may take: up to `most`, best first."""
    kinds = [row[0] for row in tx.all("ready_kinds_of_queue", queue=queue) if roster.takeable_kind(row[0])]
    with ExitStack() as stack:
        rows = [stack.enter_context(tx.reading("ready_of_queue", queue=queue, kind=kind)) for kind in kinds]
        takeable = (row for row in merge(*rows, key=_place) if roster.takeable(row[4], row[5], queue))
        return list(islice(takeable, most))


def _best(tx: Transaction, roster: Roster, lane: str, ready: list[Row], free: int) -> list[Row]:
    """Return the best `free` jobs, ready or blocked, that some live runner may take."""
    heads = ready[:free]
    last = _place(heads[-1]) if len(heads) == free else None
    better: list[Row] = []
    for row in blocked(tx, roster, lane):
        if len(better) == free or (last is not None and _place(row) > last):
            break
        better.append(row)
    return sorted([*heads, *better], key=_place)[:free] if better else heads


def blocked(tx: Transaction, roster: Roster, lane: str) -> Iterator[Row]:
    """Yield the jobs that wait in a lane and that some live runner may take, best first."""
    kinds = [row[0] for row in tx.all("blocked_kinds", lane=lane) if roster.takeable_kind(row[0])]
    with ExitStack() as stack:
        rows = [stack.enter_context(tx.reading("blocked_of_lane", lane=lane, kind=kind)) for kind in kinds]
        for row in merge(*rows, key=_place):
            if roster.takeable(row[4], row[5], row[6]):
                yield row


def _promote(tx: Transaction, heads: Iterable[Row]) -> None:
    tx.many("promote_job", [{"id": row[2]} for row in heads if row[3] == BLOCKED])


def _within_rate(tx: Transaction, queue: str, rate: RateLimit | None, free: int) -> tuple[int, int | None]:
    """Return how many jobs may start now, and when the next one may that the rate limit keeps back."""
    if rate is None or free == 0:
        return free, None
    per = int(rate.per * 1000)
    row = tx.one("counted_starts", queue=queue, after=tx.now - per, now=tx.now, limit=rate.limit)
    count, first = row or (0, None)
    tokens = rate.limit - count
    if tokens >= free:
        return free, None
    return max(tokens, 0), (tx.now if first is None else first) + per


def _note_refill(tx: Transaction, queue: str, refill_at: int | None) -> None:
    if refill_at is not None and tx.one("any_blocked", lane=queue):
        tx.run("note_refill", lane=queue, refill_at=refill_at)
    else:
        tx.run("forget_refill", lane=queue)


def with_patterns(roster: Roster, lanes: Iterable[str]) -> set[str]:
    """Return lanes and the patterns that queues among them share."""
    named = set(lanes)
    patterns = {roster.limits(lane).pattern for lane in named if "*" not in lane}
    return named | {pattern for pattern in patterns if pattern is not None}


def _count(tx: Transaction, statement: str, queue: str) -> int:
    row = tx.one(statement, queue=queue)
    return row[0] if row else 0


def _place(row: Row) -> tuple[int, int, int]:
    return row[0], row[1], row[2]


def _place_of_ready(row: Row) -> tuple[int, int, int]:
    return row[7], row[8], row[0]

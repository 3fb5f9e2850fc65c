"""Claiming: leases for one runner, never beyond the limit of a queue, never past a better job of a queue."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from heapq import merge
from itertools import islice

from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import LeaseTerms
from kongflow.core.retry import class_names
from kongflow.core.task import Keep
from kongflow.errors import TimedOut
from kongflow.store.instants import to_instant
from kongflow.store.records import Chore, RunnerInfo, max_attempts
from kongflow.store.rows import Row, json_value, names
from kongflow.store.sqlite.lanes import (
    MOST_MOVED,
    MOST_NAMES,
    block,
    free_of_pattern,
    free_of_queue,
    normalise_all,
    normalise_noted,
    ready_by_name,
    ready_names,
    ready_of_pattern,
)
from kongflow.store.sqlite.roster import LiveRunner, Roster
from kongflow.store.sqlite.transaction import Transaction

MOST_DUE = 5_000
"""Scheduled jobs made ready in one transaction: bounds how long it locks the file."""
MOST_PASSED_OVER = 1_000
"""Ready jobs for others that a claim reads before it looks for its own kind by kind."""
MOST_ROUNDS = 8
"""Rounds of pick and normalise in one transaction; each demotes up to 2,000 jobs of a queue."""

_TIMED_OUT = class_names(TimedOut)


@dataclass(slots=True)
class JoinedRunner:
    """What this process knows of a runner that joined through it."""

    info: RunnerInfo
    names_after: dict[str, str] = field(default_factory=dict)
    """Of a pattern that it serves: after which name its next look at the names of queues goes on."""
    names_reached: dict[str, str] = field(default_factory=dict)
    """How far the claim under way has come with that."""
    _terms: dict[tuple[str, int, int | None], tuple[int, str]] = field(default_factory=dict)

    def terms(self, task: str, attempt: int, given: int | None) -> tuple[int, str]:
        """Return the effective max_attempts, and what a claim writes so that a stranger can end the attempt."""
        known = self._terms.get((task, attempt, given))
        if known is None:
            declared = self.info.tasks[task]
            attempts = max_attempts(declared, given)
            lease_terms = LeaseTerms(
                max_attempts=attempts,
                crash_limit=declared.crash_limit,
                time_limit=declared.time_limit,
                retry_delay=declared.retry.window(attempt).expected,
                retries_timeouts=declared.retry.retries(_TIMED_OUT),
            )
            known = attempts, json.dumps({**asdict(lease_terms), "keep": declared.keep})
            self._terms[task, attempt, given] = known
        return known


@dataclass(frozen=True, slots=True)
class Claim:
    """What one transaction of a claim took. `unfinished`: there was more to put right first; come again."""

    leased: list[ClaimedJobRow]
    unfinished: bool
    next_due: float | None = None
    chores: frozenset[Chore] | None = None


@dataclass(frozen=True, slots=True)
class ClaimedJobRow:
    """A leased job as it was read; `claimed_job` turns it into a ClaimedJob outside of the transaction."""

    row: Row
    max_attempts: int
    now: int


def terms_of(text: str) -> tuple[LeaseTerms, Keep]:
    """Return what a claim wrote."""
    values = json.loads(text)
    keep = Keep(values.pop("keep"))
    return LeaseTerms(**values), keep


def claim_jobs(
    tx: Transaction, roster: Roster, joined: JoinedRunner, runner: LiveRunner, limit: int, suspects: int
) -> Claim:
    """Lease up to `limit` jobs to a runner, in one transaction of bounded length."""
    joined.names_reached = joined.names_after
    unfinished = tx.run("promote_due", now=tx.now, limit=MOST_DUE) == MOST_DUE
    unfinished |= normalise_noted(tx, roster)
    heads: dict[str, frozenset[int]] = {}
    picked: list[Row] = []
    for _ in range(MOST_ROUNDS):
        picked = pick(tx, roster, joined, runner, limit, suspects)
        doubtful = {row[3] for row in picked if not _may_go(roster, heads, row)}
        found = normalise_all(tx, roster, doubtful)
        heads |= {queue: right.heads or frozenset() for queue, right in found.items()}
        if not doubtful:
            _, too_many = _within_patterns(tx, roster, picked)
            for pattern, rows in too_many.items():
                _block_by_pattern(tx, roster, pattern, rows, picked)
            if not too_many:
                break
    else:
        picked, _ = _within_patterns(tx, roster, [row for row in picked if _may_go(roster, heads, row)])
        unfinished = True
    _count_starts(tx, roster, picked)
    leased = lease_jobs(tx, joined, runner, picked)
    joined.names_after = joined.names_reached
    has_time = len(leased) < limit and not unfinished
    next_due = 0.0 if unfinished else _seconds_to_next(tx)
    return Claim(leased, unfinished, next_due, _chores(tx, joined) if has_time else None)


def claimed_job(taken: ClaimedJobRow) -> ClaimedJob:
    """Return the value of a leased row."""
    (job_id, lease, task, queue, priority, payload, attempt, claims, crashes, run_at, created_at, ready_at, *rest) = (
        taken.row
    )
    key, flags, tags = rest
    return ClaimedJob(
        id=str(job_id),
        lease=lease,
        task=task,
        queue=queue,
        priority=priority,
        payload=json_value(payload),
        attempt=attempt,
        max_attempts=taken.max_attempts,
        claims=claims,
        crashes=crashes,
        run_at=to_instant(run_at),
        created_at=to_instant(created_at),
        age=max(taken.now - ready_at, 0) / 1000,
        key=key,
        flags=names(flags),
        tags=names(tags),
    )


def _seconds_to_next(tx: Transaction) -> float | None:
    row = tx.one("next_due")
    return None if row is None or row[0] is None else max(row[0] - tx.now, 0) / 1000


def _chores(tx: Transaction, joined: JoinedRunner) -> frozenset[Chore]:
    """Return what there is to do beside jobs."""
    there_is: dict[Chore, Row | None] = {
        "route": tx.one("any_unrouted", tasks=json.dumps(sorted(joined.info.tasks))),
        "repair": tx.one("blocked_lanes", after="", limit=1),
        "rescue": tx.one("expired_runners", boot=tx.boot, mono=tx.monotonic),
    }
    return frozenset(chore for chore, row in there_is.items() if row is not None)


def pick(
    tx: Transaction, roster: Roster, joined: JoinedRunner, runner: LiveRunner, limit: int, suspects: int
) -> list[Row]:
    """Return the best ready jobs that this runner may take: id, task, flags, queue, crashes, attempt, max_attempts, and
    their place, priority and run_at.
    """
    picked: list[Row] = []
    passed_over = 0
    with ExitStack() as reading:
        for row in reading.enter_context(tx.reading("ready")):
            if not roster.mine(runner, *row[1:4]):
                passed_over += 1
                if passed_over == MOST_PASSED_OVER:
                    break
            elif _counts(joined, row, suspects, picked):
                picked.append(row)
                if len(picked) == limit:
                    return picked
        else:
            return picked
    kinds = {row[0] for row in tx.all("ready_kinds") if roster.kind_is_mine(runner, row[0])}
    patterns = runner.filter.patterns
    told = {kind for kind in kinds if "*" in patterns or roster.rule_of_kind(kind) in patterns}
    names = _names(tx, joined, patterns) if kinds - told else []
    named = ready_by_name(tx, names, kinds - told, runner.serves)
    picked = []
    with ExitStack() as reading:
        mine = [reading.enter_context(tx.reading("ready_of_kind", kind=kind)) for kind in sorted(told)]
        mine += [reading.enter_context(tx.reading("ready_of_name", queue=queue, kind=kind)) for queue, kind in named]
        for row in merge(*mine, key=_place):
            if roster.mine(runner, *row[1:4]) and _counts(joined, row, suspects, picked):
                picked.append(row)
                if len(picked) == limit:
                    break
    return picked


def _names(tx: Transaction, joined: JoinedRunner, patterns: Iterable[str]) -> list[str]:
    """Return names of queues that a runner may serve: of each pattern the next ones, and the first after the last."""
    found: list[str] = []
    reached: dict[str, str] = {}
    for pattern in patterns:
        if "*" not in pattern:
            found.append(pattern)
            continue
        some = ready_names(tx, pattern, joined.names_after.get(pattern, ""))
        found += some
        if len(some) == MOST_NAMES:
            reached[pattern] = some[-1]
    joined.names_reached = reached
    return found


def _counts(joined: JoinedRunner, row: Row, suspects: int, picked: list[Row]) -> bool:
    """Say whether a job may be picked beside others, of which at most `suspects` are suspect."""
    return not _is_suspect(joined, row) or sum(_is_suspect(joined, other) for other in picked) < suspects


def _is_suspect(joined: JoinedRunner, row: Row) -> bool:
    crashes: int = row[4]
    return crashes > 0 and crashes + 1 >= joined.info.tasks[row[1]].crash_limit


def _place(row: Row) -> tuple[int, int, int]:
    return row[7], row[8], row[0]


def _may_go(roster: Roster, heads: dict[str, frozenset[int]], row: Row) -> bool:
    queue = row[3]
    if queue is None or roster.limits(queue).slots is None:
        return True
    return queue in heads and row[0] in heads[queue]


def _within_patterns(tx: Transaction, roster: Roster, picked: list[Row]) -> tuple[list[Row], dict[str, list[Row]]]:
    """Part picked jobs into those that find a slot of the pattern that their queue shares, and those that do not."""
    free: dict[str, int | None] = {}
    within: list[Row] = []
    too_many: dict[str, list[Row]] = defaultdict(list)
    for row in picked:
        pattern = None if row[3] is None else roster.limits(row[3]).pattern
        if pattern is not None:
            if pattern not in free:
                free[pattern] = free_of_pattern(tx, roster, pattern)
            left = free[pattern]
            if left == 0:
                too_many[pattern].append(row)
                continue
            free[pattern] = None if left is None else left - 1
        within.append(row)
    return within, too_many


def _block_by_pattern(tx: Transaction, roster: Roster, pattern: str, refused: list[Row], picked: list[Row]) -> None:
    """Let refused jobs wait for a slot of the pattern, and with them ready ones behind the first of them.

    As many jobs of a queue wait for the pattern as the queue has slots, the best, and the others for the queue: else a
    pattern's slot would be offered to each of them in turn while their queue is full.
    """
    lanes = {row[0]: pattern for row in refused}
    taken = Counter(row[3] for row in picked)
    room: dict[str, int] = {}
    behind = (row for row in ready_of_pattern(tx, roster, pattern) if tuple(row[:3]) > _place(refused[0]))
    for _, _, job_id, _, queue in islice(behind, MOST_MOVED):
        if job_id in lanes:
            continue
        if queue not in room:
            room[queue] = free_of_queue(tx, queue, roster.limits(queue)) - taken[queue]
        room[queue] -= 1
        lanes[job_id] = pattern if room[queue] >= 0 else queue
    for lane in set(lanes.values()):
        block(tx, lane, [job_id for job_id, of_job in lanes.items() if of_job == lane])


def _count_starts(tx: Transaction, roster: Roster, picked: list[Row]) -> None:
    rated = [(row[3], roster.limits(row[3]).rate) for row in picked if row[3] is not None]
    tx.many(
        "count_start",
        [
            {"queue": queue, "now": tx.now, "forget_at": tx.now + int(rate.per * 1000)}
            for queue, rate in rated
            if rate is not None
        ],
    )


def lease_jobs(tx: Transaction, joined: JoinedRunner, runner: LiveRunner, picked: Sequence[Row]) -> list[ClaimedJobRow]:
    """Lease ready jobs, as `ready` reads them, in their order."""
    if not picked:
        return []
    of_terms: dict[tuple[int, str], list[int]] = defaultdict(list)
    for job_id, task, _, _, _, attempt, given, *_ in picked:
        of_terms[joined.terms(task, attempt + 1, given)].append(job_id)
    leased: dict[int, ClaimedJobRow] = {}
    for (attempts, terms), ids in of_terms.items():
        values = {"ids": json.dumps(ids), "runner": runner.id, "now": tx.now, "mono": tx.monotonic, "terms": terms}
        for row in tx.all("lease_jobs", **values):
            leased[row[0]] = ClaimedJobRow(row, attempts, tx.now)
    return [leased[row[0]] for row in picked]

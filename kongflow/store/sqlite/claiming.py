"""Claiming: leases for one runner, never beyond the limit of a queue, never past a better job of a queue."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field

from kongflow.core.job import ClaimedJob
from kongflow.core.outcome import LeaseTerms
from kongflow.core.retry import class_names
from kongflow.core.task import Keep
from kongflow.errors import TimedOut
from kongflow.store.records import RunnerInfo, max_attempts
from kongflow.store.rows import Row, json_value, names, to_instant
from kongflow.store.sqlite.lanes import normalise, normalise_noted
from kongflow.store.sqlite.roster import LiveRunner, Roster
from kongflow.store.sqlite.transaction import Transaction

MOST_DUE = 5_000
"""Scheduled jobs made ready in one transaction: bounds how long it locks the file."""
MOST_ROUNDS = 8
"""Rounds of pick and normalise in one transaction; each demotes up to 2,000 jobs of a queue."""

_TIMED_OUT = class_names(TimedOut)


@dataclass(slots=True)
class JoinedRunner:
    """What this process knows of a runner that joined through it."""

    info: RunnerInfo
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
    if tx.run("promote_due", now=tx.now, limit=MOST_DUE) == MOST_DUE:
        return Claim([], unfinished=True)
    unfinished = normalise_noted(tx, roster)
    heads: dict[str, frozenset[int]] = {}
    picked: list[Row] = []
    for _ in range(MOST_ROUNDS):
        picked = _pick(tx, roster, joined, runner, limit, suspects)
        doubtful = {row[3] for row in picked if not _may_go(roster, heads, row)}
        if not doubtful:
            break
        for queue in doubtful:
            heads[queue] = normalise(tx, roster, queue).heads or frozenset()
    else:
        picked = [row for row in picked if _may_go(roster, heads, row)]
        unfinished = True
    return Claim(_lease(tx, joined, runner, picked), unfinished)


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


def _pick(
    tx: Transaction, roster: Roster, joined: JoinedRunner, runner: LiveRunner, limit: int, suspects: int
) -> list[Row]:
    """Return the best ready jobs that this runner may take: id, task, flags, queue, crashes, attempt, max_attempts."""
    picked: list[Row] = []
    with tx.reading("ready") as ready:
        for row in ready:
            _, task, flags, queue, crashes, *_ = row
            if not roster.mine(runner, task, flags, queue):
                continue
            if crashes and crashes + 1 >= joined.info.tasks[task].crash_limit:
                if not suspects:
                    continue
                suspects -= 1
            picked.append(row)
            if len(picked) == limit:
                break
    return picked


def _may_go(roster: Roster, heads: dict[str, frozenset[int]], row: Row) -> bool:
    queue = row[3]
    if queue is None or roster.limit(queue) is None:
        return True
    return queue in heads and row[0] in heads[queue]


def _lease(tx: Transaction, joined: JoinedRunner, runner: LiveRunner, picked: list[Row]) -> list[ClaimedJobRow]:
    if not picked:
        return []
    last = tx.one("next_leases", count=len(picked))
    assert last is not None
    first = last[0] - len(picked) + 1
    of_terms: dict[tuple[int, str], list[int]] = defaultdict(list)
    for job_id, task, _, _, _, attempt, given in picked:
        of_terms[joined.terms(task, attempt + 1, given)].append(job_id)
    leased: dict[int, ClaimedJobRow] = {}
    for (attempts, terms), ids in of_terms.items():
        for row in tx.all(
            "lease_jobs",
            ids=json.dumps(ids),
            runner=runner.id,
            first=first,
            now=tx.now,
            mono=tx.monotonic,
            terms=terms,
        ):
            leased[row[0]] = ClaimedJobRow(row, attempts, tx.now)
        first += len(ids)
    return [leased[row[0]] for row in picked]

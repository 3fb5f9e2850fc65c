"""Claiming: round after round, until a runner has enough jobs or there are no more for it."""

from __future__ import annotations

import asyncio

from kongflow.core.job import ClaimedJob
from kongflow.errors import StoreError, StoreRefused
from kongflow.store.instants import to_instant
from kongflow.store.postgres.access import Access
from kongflow.store.records import Claimed, Refused, RunnerInfo, max_attempts
from kongflow.store.refusals import MOST, PUT_OFF, TRIED, nothing_is_claimed
from kongflow.store.rows import Row, json_value, names

MOST_ROUNDS = 8
"""Rounds without a job in one claim: each blocks up to 2,000 jobs."""
_HOW_THINGS_STAND = slice(-5, None)
"""The columns that only the last row of a claim has, which is no job: more, next_due, chores, contended, reached."""
_NOTHING = False, None, None, None, None
"""How things stand for a runner that is not registered."""
_A_CLAIM = 0.005
"""Seconds that a claim takes, more or less: another one holds a better job of a queue."""


class Claiming:
    """Claims for one runner, and knows how far its looks by the names of queues have come."""

    def __init__(self, access: Access, runner: int, info: RunnerInfo) -> None:
        self._access = access
        self._runner = runner
        self._info = info
        self._after: list[str | None] | None = None

    async def claim(self, limit: int, suspects: int) -> Claimed:
        """Claim in rounds, each a transaction of its own, until there are enough, there is nothing more, or MOST_ROUNDS
        have passed: then the next call goes on, for what is leased must start. Nor does that wait for another queue,
        of which somebody else is about to take a better job. Where the database refuses, what it refuses is got out of
        the way first, up to MOST jobs a call: it may refuse all.

        What was leased is returned, also where a later round fails. Raises: StoreError.
        """
        jobs, refused = list[ClaimedJob](), list[Refused]()
        more, next_due, chores, rounds, looks, first = True, None, None, 0, 0, True
        while more and len(jobs) < limit and rounds < MOST_ROUNDS and len(refused) < MOST:
            try:
                rows = await self._rows("claim", limit - len(jobs), suspects, first=first)
            except StoreError as error:
                if jobs:
                    break
                if not isinstance(error, StoreRefused):
                    raise
                refused += await self._set_aside(limit, suspects, error)
                rounds, first = rounds + 1, True  # their queues have been noted
                continue
            leased = [claimed_job(row, self._info) for row in rows if row[0] is not None]
            jobs += leased
            more, next_due, chores, contended, reached = rows[-1][_HOW_THINGS_STAND] if rows else _NOTHING
            self._after = self._after if reached is None else reached
            rounds, first = rounds + 1, False
            suspects -= sum(0 < job.crashes >= self._info.tasks[job.task].crash_limit - 1 for job in leased)
            if contended:
                if jobs:
                    break
                # At once first: a settle may have made it ready meanwhile.
                await asyncio.sleep(_A_CLAIM * (2**looks - 1))
                looks += 1
        if more and len(refused) < MOST:
            next_due = 0.0
        return Claimed(
            tuple(jobs),
            next_due=None if next_due is None else max(next_due, 0.0),
            chores=None if chores is None else frozenset(chores),
            refused=tuple(refused),
        )

    async def _set_aside(self, limit: int, suspects: int, error: StoreRefused) -> list[Refused]:
        """Get the jobs out of the way for which a claim was refused, and name them. Raises: StoreError where that helps
        nobody.
        """
        retention = self._info.retention.failed
        for tried in TRIED:
            found = await self._rows("set_aside", max(limit, tried), suspects, delay=PUT_OFF, retention=retention)
            if found:
                break
        moved = [Refused(str(id), task, why, became == "failed") for id, task, why, became in found if became]
        if not moved:
            raise nothing_is_claimed(error, [(id, why) for id, _, why, _ in found]) from error
        return moved

    async def _rows(self, statement: str, limit: int, suspects: int, **more: object) -> list[Row]:
        access = self._access
        wanted = {"runner": self._runner, "limit": limit, "suspects": suspects, "after": self._after, **more}
        return await access.rows(statement, **wanted, shift=access.shift)


def claimed_job(row: Row, info: RunnerInfo) -> ClaimedJob:
    """Return a leased job, as the catalog of the runner that has it sees it."""
    (id, lease, task, queue, priority, payload, attempt, given, claims, crashes, run_at, created_at, age, *rest) = row
    key, flags, tags, *_ = rest
    return ClaimedJob(
        id=str(id),
        lease=lease,
        task=task,
        queue=queue,
        priority=priority,
        payload=json_value(payload),
        attempt=attempt,
        max_attempts=max_attempts(info.tasks[task], given),
        claims=claims,
        crashes=crashes,
        run_at=to_instant(run_at),
        created_at=to_instant(created_at),
        age=age,
        key=key,
        flags=names(flags),
        tags=names(tags),
    )

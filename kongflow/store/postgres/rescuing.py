"""Rescuing: who is gone, and what a runner publishes so that a stranger can end the attempts of its tasks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from kongflow.core.catalog import Retention
from kongflow.core.outcome import CRASHED, LeaseTerms, after_crash
from kongflow.core.retry import Backoff, RetryPolicy, class_names
from kongflow.core.task import Keep
from kongflow.errors import StoreBusy, StoreError, StoreForbidden, StoreUnavailable, TimedOut
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.settling import settle
from kongflow.store.records import Rescued, RunnerInfo, Settlement, TaskTerms
from kongflow.store.refusals import Refusals
from kongflow.store.rows import Row
from kongflow.store.suspects import Suspects

_MOST_RESCUED = 500
"""Jobs of a lost runner that are rescued in one transaction."""
_TIMED_OUT = class_names(TimedOut)


def published_terms(terms: TaskTerms) -> dict[str, Any]:
    """Return what is published of a task, as JSON."""
    retry = terms.retry
    return {
        "crash_limit": terms.crash_limit,
        "time_limit": terms.time_limit,
        "keep": terms.keep,
        "max_attempts": retry.max_attempts,
        "backoff": retry.backoff,
        "initial_delay": retry.initial_delay,
        "factor": retry.factor,
        "max_delay": retry.max_delay,
        "retries_timeouts": retry.retries(_TIMED_OUT),
    }


async def rescue(access: Access, suspects: Suspects, refusals: Refusals, info: RunnerInfo) -> list[Rescued]:
    """End the attempts of runners that have left, or that two looks saw expired.

    Raises: StoreError where nothing came of it for any of them.
    """
    sent = access.clock.monotonic()
    rows = await access.rows("expired_runners", shift=access.shift)
    access.clock.read(rows[0][0], sent)
    expired = [row[1:] for row in rows if row[1] is not None]
    looked = _now(access)
    rescued: list[Rescued] = []
    failure: StoreError | None = None
    for dead, name, seen_at, alive, lease in expired:
        # After a step of the server's clock everybody has time to renew; a newcomer knows of none.
        if alive and not (suspects.confirmed(dead, seen_at, looked) and access.clock.is_steady(lease)):
            continue
        refusals.look(looked)
        try:
            if not alive or await access.value("declare_dead", runner=dead, seen_at=seen_at):
                async for job in rescue_jobs(access, refusals, info.retention, dead, name):
                    rescued.append(job)  # noqa: PERF401 – what comes before an error is told
        except StoreBusy as error:
            failure = failure or error
            break  # it may be a lock on a whole table, which each other try would wait for as well
        except StoreError as error:
            failure = failure or error  # one lost runner holds up no other
    suspects.keep_only({row[0] for row in expired})
    if failure is not None and not any(job.refused is None for job in rescued):
        raise failure
    return rescued


async def rescue_jobs(
    access: Access, refusals: Refusals, retention: Retention, dead: int, name: str
) -> AsyncIterator[Rescued]:
    """End the attempts of a runner that is gone, unless it comes back; what somebody holds, or the database does not
    move, is left.

    Raises: StoreError.
    """
    after = 0
    while rows := await access.rows("held_jobs", runner=dead, after=after, limit=_MOST_RESCUED):
        after = rows[-1][0]
        if batch := [row for row in rows if not refusals.rests(row[0])]:
            async for job in _rescue_batch(access, refusals, retention, dead, name, batch):
                yield job


async def _rescue_batch(
    access: Access, refusals: Refusals, retention: Retention, dead: int, name: str, rows: list[Row]
) -> AsyncIterator[Rescued]:
    """End attempts in one transaction; where that fails, each half of them in one, down to the one to blame.

    Raises: StoreBusy where somebody is in the way of a single job; StoreUnavailable, but not where something is
    forbidden: a trigger may do that.
    """
    if refusals.are_enough:
        return
    ends = [_rescue_settlement(row) for row in rows]
    try:
        written = await settle(access, ends, retention, dead=dead)
    except StoreError as error:
        if isinstance(error, StoreUnavailable) and not isinstance(error, StoreForbidden):
            raise
        if len(rows) == 1 and isinstance(error, StoreBusy):
            refusals.add_busy(rows[0][0], str(error), _now(access))
            raise
        if len(rows) == 1:
            refusals.add(rows[0][0], str(error))
            yield Rescued(ends[0].id, rows[0][2], rows[0][3], name, ends[0].transition, refused=str(error))
            return
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            async for job in _rescue_batch(access, refusals, retention, dead, name, half):
                yield job
        return
    for row, verdict in zip(rows, written, strict=True):
        if not verdict.lost and not verdict.later:
            yield Rescued(str(row[0]), row[2], row[3], name, verdict.transition)


def _now(access: Access) -> int:
    return int((time.monotonic() + access.shift.total_seconds()) * 1000)


def _rescue_settlement(row: Row) -> Settlement:
    """Return the end of a lost attempt."""
    id, lease, _, _, attempt, given, crashes, ran_for, published = row
    transition = after_crash(attempt, crashes, ran_for, _lease_terms(published, attempt, given))
    is_crash = transition.error is not None and transition.error.type == CRASHED
    return Settlement(str(id), lease, transition, Keep(published["keep"]), is_crash)


def _lease_terms(published: Mapping[str, Any], attempt: int, given: int | None) -> LeaseTerms:
    policy = RetryPolicy(
        backoff=Backoff(published["backoff"]),
        initial_delay=published["initial_delay"],
        factor=published["factor"],
        max_delay=published["max_delay"],
    )
    return LeaseTerms(
        max_attempts=published["max_attempts"] if given is None else given,
        crash_limit=published["crash_limit"],
        time_limit=published["time_limit"],
        retry_delay=policy.window(attempt).expected,
        retries_timeouts=published["retries_timeouts"],
    )

"""Rescuing: who is gone, and what a runner publishes so that a stranger can end the attempts of its tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kongflow.core.catalog import Retention
from kongflow.core.outcome import CRASHED, LeaseTerms, after_crash
from kongflow.core.retry import Backoff, RetryPolicy, class_names
from kongflow.core.task import Keep
from kongflow.errors import TimedOut
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.settling import settle
from kongflow.store.records import Rescued, RunnerInfo, Settlement, TaskTerms
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


async def rescue(access: Access, suspects: Suspects, info: RunnerInfo) -> list[Rescued]:
    """End the attempts of runners that have left, or that two looks saw expired. Raises: StoreError."""
    sent = access.clock.monotonic()
    rows = await access.rows("expired_runners", shift=access.shift)
    access.clock.read(rows[0][0], sent)
    expired = [row[1:] for row in rows if row[1] is not None]
    looked = int((time.monotonic() + access.shift.total_seconds()) * 1000)
    rescued: list[Rescued] = []
    for dead, name, seen_at, alive, lease in expired:
        if alive:
            confirmed = suspects.confirmed(dead, seen_at, looked)
            # After a step of the server's clock everybody has time to renew; a newcomer knows of none.
            if not confirmed or not access.clock.is_steady(lease):
                continue
            if not await access.value("declare_dead", runner=dead, seen_at=seen_at):
                continue
        rescued.extend(await rescue_jobs(access, info.retention, dead, name))
    suspects.keep_only({row[0] for row in expired})
    return rescued


async def rescue_jobs(access: Access, retention: Retention, dead: int, name: str) -> list[Rescued]:
    """End the attempts of a runner that is gone, until it holds none, has come back, or somebody holds the rest.

    Raises: StoreError.
    """
    rescued: list[Rescued] = []
    while rows := await access.rows("held_jobs", runner=dead, limit=_MOST_RESCUED):
        ends = [_rescue_settlement(row) for row in rows]
        written = await settle(access, ends, retention, dead=dead)
        ended = [
            Rescued(str(row[0]), row[2], row[3], name, verdict.transition)
            for row, verdict in zip(rows, written, strict=True)
            if not verdict.lost and not verdict.later
        ]
        rescued += ended
        if not ended:
            break
    return rescued


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

"""Settling: what a runner writes about its attempts, each write fenced by its lease."""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.core.catalog import Retention
from kongflow.core.job import JobState
from kongflow.core.outcome import Finish, RunAgain, Transition, overruled
from kongflow.store.attempts import ended_text
from kongflow.store.records import Settled, Settlement
from kongflow.store.rows import row_id
from kongflow.store.sqlite.ending import finish, finish_succeeded, run_again
from kongflow.store.sqlite.transaction import Transaction


def settle_attempts(tx: Transaction, settlements: Sequence[Settlement], retention: Retention) -> list[Settled]:
    """Write the ends of attempts and return one verdict each, in order."""
    successes = [settlement for settlement in settlements if _succeeded(settlement.transition)]
    held = finish_succeeded(tx, successes, retention) if successes else set()
    return [
        Settled(settlement.id, settlement.transition, lost=settlement.lease not in held)
        if _succeeded(settlement.transition)
        else _settle(tx, settlement, retention)
        for settlement in settlements
    ]


def _settle(tx: Transaction, settlement: Settlement, retention: Retention) -> Settled:
    job_id, transition, keep = row_id(settlement.id), settlement.transition, settlement.keep
    row = tx.one("running_job", id=job_id, lease=settlement.lease)
    if row is None:
        return Settled(settlement.id, transition, lost=True)
    cancel_requested, superseded = row
    transition = overruled(transition, cancel_requested=bool(cancel_requested), superseded=bool(superseded))
    lease, crashed = settlement.lease, settlement.crashed
    ended = ended_text(transition, settlement.log, crashed=crashed)
    match transition:
        case Finish():
            held = finish(tx, job_id, lease, transition, ended, keep=keep, retention=retention, crashed=crashed)
        case RunAgain():
            held = run_again(tx, job_id, lease, transition, ended, crashed=crashed)
    return Settled(settlement.id, transition, lost=not held)


def _succeeded(transition: Transition) -> bool:
    return isinstance(transition, Finish) and transition.state is JobState.SUCCEEDED

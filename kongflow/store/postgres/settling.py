"""Settling: ends of attempts as the arrays that `settle` takes, and its verdicts as what was written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from kongflow.core.catalog import Retention
from kongflow.core.outcome import Finish, overruled
from kongflow.errors import StoreError, StoreRefused
from kongflow.store.attempts import ended_text
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.claiming import claimed_job
from kongflow.store.records import RunnerInfo, Settled, Settlement, with_next
from kongflow.store.rows import SCHEDULED, STORED_STATE, row_id

LOST, AS_ASKED, CANCEL_REQUESTED, SUPERSEDED, LATER = range(5)
_LONGEST_DELAY = 1e12
_A_CLAIM = 0.01
"""Seconds; longer than most claims take."""


async def settle(
    access: Access,
    settlements: Sequence[Settlement],
    retention: Retention,
    *,
    taker: tuple[int, RunnerInfo] | None = None,
    dead: int | None = None,
) -> list[Settled]:
    """Write ends and return what was written. `taker`: the runner that takes the next jobs, where its settlements say
    so. `dead`: the runner that is gone, whose ends these are.

    Raises: StoreError where nothing was written.
    """
    written = await _write(access, settlements, retention, taker, dead)
    held = [place for place, end in enumerate(written) if end.later]
    if held:
        # A claim that came too late for a job holds its row until the claim has ended, some milliseconds: once more.
        await asyncio.sleep(_A_CLAIM)
        try:
            again = await _write(access, [settlements[place] for place in held], retention, taker, dead)
        except StoreError:
            return written  # the others are written: an error would call them lost at the next try
        for place, end in zip(held, again, strict=True):
            written[place] = end
    return written


async def _write(
    access: Access,
    settlements: Sequence[Settlement],
    retention: Retention,
    taker: tuple[int, RunnerInfo] | None,
    dead: int | None,
) -> list[Settled]:
    runner = None if taker is None else taker[0]
    arrays = end_arrays(settlements)
    try:
        (verdicts, *_), *handed = await access.rows(
            "settle",
            **arrays,
            retention=retention_seconds(retention),
            runner=runner,
            next_of=[settlement.next_of for settlement in settlements if settlement.next_of is not None and taker],
            dead=dead,
            shift=access.shift,
        )
    except StoreRefused:
        # Perhaps not an end is refused, but a job that would get a freed slot: the next claim hands that on.
        ((verdicts,),), handed = await access.rows("settle_in", **arrays, dead=dead, shift=access.shift), []
    written = settled(settlements, verdicts)
    if taker is None:
        return written
    return with_next(settlements, written, [claimed_job(row[1:], taker[1]) for row in handed])


def retention_seconds(retention: Retention) -> list[float]:
    """Return a retention as functions take it: for succeeded, failed and cancelled."""
    return [retention.succeeded, retention.failed, retention.cancelled]


def end_arrays(settlements: Sequence[Settlement]) -> dict[str, list[Any]]:
    """Return the columns of ends, each an array with one entry an end."""
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for settlement in settlements:
        for name, value in zip(_COLUMNS, _end(settlement), strict=True):
            columns[name].append(value)
    return columns


def settled(settlements: Sequence[Settlement], verdicts: Sequence[int]) -> list[Settled]:
    """Return what was written, in order."""
    return [
        Settled(
            settlement.id,
            overruled(
                settlement.transition,
                cancel_requested=verdict == CANCEL_REQUESTED,
                superseded=verdict == SUPERSEDED,
            ),
            lost=verdict == LOST,
            later=verdict == LATER,
        )
        for settlement, verdict in zip(settlements, verdicts, strict=True)
    ]


_COLUMNS = (
    "ids",
    "leases",
    "states",
    "reasons",
    "details",
    "results",
    "ended",
    "delays",
    "gives_back",
    "clears_crashes",
    "crashed",
    "keeps",
)


def _end(settlement: Settlement) -> tuple[Any, ...]:
    id, lease, transition, keep = row_id(settlement.id), settlement.lease, settlement.transition, settlement.keep
    crashed = settlement.crashed
    ended = ended_text(transition, settlement.log, crashed=crashed)
    if isinstance(transition, Finish):
        state, reason = STORED_STATE[transition.state], transition.reason
        return (id, lease, state, reason, transition.detail, transition.result, ended, 0.0, False, True, crashed, keep)
    delay = min(max(transition.delay, 0.0), _LONGEST_DELAY)
    gives_back, clears = transition.gives_back, transition.clears_crashes
    return (id, lease, SCHEDULED, None, None, None, ended, delay, gives_back, clears, crashed, keep)

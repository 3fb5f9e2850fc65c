"""Settling: ends of attempts as the arrays that `settle` takes, and its verdicts as what was written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from kongflow.core.catalog import Retention
from kongflow.core.outcome import Finish, overruled
from kongflow.errors import StoreError
from kongflow.store.attempts import ended_text
from kongflow.store.postgres.access import Access
from kongflow.store.records import Settled, Settlement
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
    dead: int | None = None,
) -> list[Settled]:
    """Write ends and return what was written. `dead`: the runner that is gone, whose ends these are.

    Raises: StoreError where nothing was written.
    """
    verdicts = await _verdicts(access, settlements, retention, dead)
    held = [place for place, verdict in enumerate(verdicts) if verdict == LATER]
    if held:
        # A claim that came too late for a job holds its row until the claim has ended, some milliseconds: once more.
        await asyncio.sleep(_A_CLAIM)
        try:
            again = await _verdicts(access, [settlements[place] for place in held], retention, dead)
        except StoreError:
            again = [LATER] * len(held)  # the others are written: an error would call them lost at the next try
        for place, verdict in zip(held, again, strict=True):
            verdicts[place] = verdict
    return settled(settlements, verdicts)


async def _verdicts(
    access: Access, settlements: Sequence[Settlement], retention: Retention, dead: int | None
) -> list[int]:
    verdicts: list[int] = await access.value(
        "settle", **end_arrays(settlements), retention=retention_seconds(retention), dead=dead, shift=access.shift
    )
    return verdicts


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

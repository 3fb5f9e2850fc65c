"""Clocks: when those of a time zone are changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ClockChange:
    """One change: at which instant, and the local times without a zone that the clocks show there, before and after."""

    at: datetime
    before: datetime
    after: datetime

    @property
    def is_gap(self) -> bool:
        """True where the clocks are put forward: the local times from `before` up to `after` do not exist. Otherwise
        those from `after` up to `before` exist twice.
        """
        return self.after > self.before


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[ClockChange]:
    """Yield the changes between two aware instants, in order; of several within a day perhaps one."""
    at = start.astimezone(UTC).replace(microsecond=0)
    offset = _offset(zone, at)
    while at < end:
        step = at + timedelta(days=1)
        new = _offset(zone, step)
        if new != offset:
            change = moment_of_change(zone, at, step)
            before, after = (change.replace(tzinfo=None) + each for each in (offset, new))
            yield ClockChange(change, before, after)
        at, offset = step, new


def moment_of_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the instant at which the clocks began to show what they show at `after`, to the second."""
    new = _offset(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == new:
            after = middle
        else:
            before = middle
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()

"""Instants: whole milliseconds since 1970 UTC, or what the database has for them, between 1970 and 9999."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MAX_INSTANT = 253_402_300_799_999
"""The last millisecond of the year 9999: what `datetime` and the tables hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_millis(instant: datetime) -> int:
    """Return an aware instant in milliseconds, rounded up: nothing starts early."""
    return -((_EPOCH - instant) // _MILLISECOND)


def to_instant(stored: int | datetime) -> datetime:
    """Return a stored instant, which the tables hold to 0…MAX_INSTANT, as an aware UTC one."""
    return stored.astimezone(UTC) if isinstance(stored, datetime) else _EPOCH + timedelta(milliseconds=stored)


def clamped(instant: datetime) -> datetime:
    """Return an instant as the tables hold it: a whole millisecond, rounded up, between 1970 and 9999."""
    return to_instant(min(max(to_millis(instant), 0), MAX_INSTANT))


def seconds_later(now: int, seconds: float) -> int:
    """Return the millisecond `seconds` after `now`, at most the last one that the tables hold."""
    return min(now + int(min(max(seconds, 0.0), MAX_INSTANT / 1000) * 1000 + 0.999), MAX_INSTANT)

"""Instants as JavaScript writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FAR = timedelta(days=99 * 365)
"""A job is due within a century; one whose time has passed, however long ago, is due."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_time(instant: datetime) -> str:
    """Return an instant in UTC as `toISOString()` does: with milliseconds and a Z."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_due(value: str | float, at: datetime) -> datetime:
    """As `read_time`, for a time at which something is to happen. Raises: ValueError, also where it is too far away."""
    due = read_time(value)
    if due - at > FAR:
        raise ValueError(f"{str(value)[:50]!r} is too far away")
    return due


def read_time(value: str | float) -> datetime:
    """Read an ISO 8601 instant, in UTC where it names no zone, or milliseconds since 1970. Raises: ValueError."""
    try:
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        return EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        raise ValueError(f"{str(value)[:50]!r} is no time such as 2026-01-31T12:05:00.000Z") from None

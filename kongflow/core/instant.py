"""Instants as people write them: ISO 8601 with an offset."""

from __future__ import annotations

from datetime import datetime

from kongflow.errors import InvalidOption


def parse_instant(text: str) -> datetime:
    """Return the aware datetime of an ISO 8601 text. Raises: InvalidOption where it is none, or has no offset."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidOption(f"{text!r} is not an ISO 8601 instant such as 2026-11-24T09:30:00Z") from None
    if instant.tzinfo is None:
        raise InvalidOption(f"{text!r} has no time zone; add one, such as Z for UTC or +01:00")
    return instant

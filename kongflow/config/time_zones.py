"""Time zones, by their names in the IANA database: what the `tzdata` package lists, the same names on every machine."""

from __future__ import annotations

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo


@cache
def zone_names() -> frozenset[str]:
    """Return every name, such as Europe/Berlin."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone of a name, or None where there is no such name. No other file is looked for."""
    return ZoneInfo(name) if name in zone_names() else None

"""Schedules: each has one timing, that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Place, finding, quoted, suggestion
from kongflow.config.project import Entry
from kongflow.config.time_zones import zone_names, zone_of
from kongflow.core.cron import NeverMatches

_FIELD = re.compile(r"\S+")
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*[+-]\s*\d.*", re.IGNORECASE)
"""What people write for a distance from UTC."""


def schedule_timing(facts: Facts) -> Iterator[Finding]:
    """A schedule has either `cron` or `every`."""
    for entry in facts.project.schedules.values():
        if entry.failed() or entry.failed("cron") or entry.failed("every"):
            continue
        if "cron" not in entry.value and "every" not in entry.value:
            message = f"the schedule {quoted(entry.name)} has neither `cron` nor `every`"
            advice = 'add `cron: "30 6 * * 1-5"` or `every: 15m`'
            yield finding("schedule-timing", entry.key_place(), message, advice)
        elif "cron" in entry.value and "every" in entry.value:
            message = f"the schedule {quoted(entry.name)} has both `cron` and `every`"
            advice = "keep one; for the other write a second schedule of the same task"
            yield finding("schedule-timing", entry.key_place("every"), message, advice)


def timezone_without_cron(facts: Facts) -> Iterator[Finding]:
    """`timezone` stands beside `cron` only."""
    for entry in facts.project.schedules.values():
        if "timezone" in entry.value and "every" in entry.value and "cron" not in entry.value:
            message = "`every` counts from 1970 in UTC: a time zone means nothing beside it"
            advice = "delete it, or write the times as `cron`"
            yield finding("timezone-without-cron", entry.key_place("timezone"), message, advice)


def timezone_unknown(facts: Facts) -> Iterator[Finding]:
    """`timezone` is a name of the IANA database."""
    for entry in facts.project.schedules.values():
        name = entry.value.get("timezone")
        if name is not None and zone_of(name) is None:
            message = f"there is no time zone {quoted(name)}"
            yield finding("timezone-unknown", entry.value_place("timezone"), message, _meant_zone(name))


def _meant_zone(name: str) -> str:
    """Say which name an unknown one may have meant: by its last part, too, for `Berlin` is known to everybody."""
    by_city = {known.rpartition("/")[2].lower(): known for known in sorted(zone_names(), reverse=True)}
    city = by_city.get(name.strip().lower().replace(" ", "_"))
    if city:
        return f"did you mean {city!r}?"
    otherwise = "a name of the IANA database, such as Europe/Berlin, America/New_York or Etc/UTC"
    if _OFFSET.fullmatch(name):
        return f"no distance from UTC, but {otherwise}"
    inside = sorted(known for known in zone_names() if known.startswith(f"{name}/"))
    if inside:
        return f"name a place in it, such as {inside[0]}"
    return suggestion(name, zone_names(), otherwise)


def cron_invalid(facts: Facts) -> Iterator[Finding]:
    """`cron` is a line of five fields that can be read."""
    for read in facts.timings.values():
        if read.problem is not None and not isinstance(read.problem, NeverMatches):
            place = field_place(read.entry, read.problem.field)
            yield finding("cron-invalid", place, str(read.problem), read.problem.hint)


def cron_never(facts: Facts) -> Iterator[Finding]:
    """A line has slots."""
    for read in facts.timings.values():
        if isinstance(read.problem, NeverMatches):
            place = field_place(read.entry, read.problem.field, last=3)
            yield finding("cron-never", place, str(read.problem), read.problem.hint)


def field_place(entry: Entry, field: int | None, *, last: int | None = None) -> Place:
    """Return the place of a field of the line, or of those up to `last`; of the whole line where it is None."""
    spans = [found.span() for found in _FIELD.finditer(entry.value["cron"])]
    if field is None or len(spans) <= (last or field):
        return entry.value_place("cron")
    return entry.text_place(("cron",), spans[field][0], spans[last or field][1])

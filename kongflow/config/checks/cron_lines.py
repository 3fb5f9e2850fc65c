"""Cron lines that can be read, and may still mean something else than whoever wrote them thinks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Place, finding
from kongflow.config.project import Entry
from kongflow.core.clocks import ClockChange, clock_changes
from kongflow.core.cron import Cron, NeverMatches

_FIELD = re.compile(r"\S+")
_STEPS = re.compile(r"(?:\*|(?P<first>\d+)(?:-(?P<last>\d+))?)/(?P<step>\d+)")
_NUMBERS = re.compile(r"\d+(?:,\d+)*")
_WEEK = re.compile("1-7|8-14|15-21|22-28")
_WEEKDAY = re.compile("[0-7]|[a-zA-Z]{3}")
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five: what a message calls its values and the span that they divide."""

    name: str
    whole: str
    first: int
    size: int


_FIELDS = (
    _Field("minute", "an hour", 0, 60),
    _Field("hour", "a day", 0, 24),
    _Field("day", "a month", 1, 31),
    _Field("month", "a year", 1, 12),
    _Field("day of the week", "a week", 0, 7),
)


def field_place(entry: Entry, field: int | None, last: int | None = None) -> Place:
    """Return the place of a field of the line, or of those up to `last`; of the whole line where it is None."""
    spans = [found.span() for found in _FIELD.finditer(entry.value["cron"])]
    last = field if last is None else last
    if field is None or last is None or last >= len(spans):
        return entry.value_place("cron")
    return entry.text_place(("cron",), spans[field][0], spans[last][1])


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
            yield finding("cron-never", field_place(read.entry, 2, 3), str(read.problem), read.problem.hint)


def cron_every_minute(facts: Facts) -> Iterator[Finding]:
    """A line that names single hours names a minute of them, too."""
    for entry, cron in _lines(facts):
        minute, hour, *rest = cron.line.split()
        if minute in ("*", "*/1") and (_NUMBERS.fullmatch(hour) or (hour != "*/1" and _STEPS.fullmatch(hour))):
            hours = f"hour {hour}" if hour.isdigit() else f"the hours {hour}"
            once = " ".join(("0", hour, *rest))
            message = f"fires in every minute of {hours}"
            advice = f'for once an hour write "{once}"; write 0-59 if every minute is meant'
            yield finding("cron-every-minute", field_place(entry, 0), message, advice)


def cron_uneven(facts: Facts) -> Iterator[Finding]:
    """A step divides what it counts through, so that all gaps are alike."""
    for entry, index, field, start, step in _counting(facts):
        if start - field.first < step < field.size and (field.size % step or field.name == "day"):
            last = range(start, field.first + field.size, step)[-1]
            message = (
                f"a step of {step} does not divide {field.whole}: it fires at {field.name} {last}, "
                f"and again at {field.name} {start}"
            )
            unit = field.name[0]
            advice = f"`every: {step}{unit}` has equal gaps; it counts from 1970 in UTC" if index < 2 else _NAME_THEM
            yield finding("cron-uneven", field_place(entry, index), message, advice)


_NAME_THEM = "name them one by one"


def cron_step(facts: Facts) -> Iterator[Finding]:
    """A step is smaller than what it counts through."""
    for entry, index, field, start, step in _counting(facts):
        if step >= field.size:
            message = f"a step of {step} leaves {field.name} {start} only: {field.whole} has no more than {field.size}"
            advice = f"write {start}" + (f", or `every: {step}{field.name[0]}`" if index < 2 else "")
            yield finding("cron-step", field_place(entry, index), message, advice)


def cron_short_months(facts: Facts) -> Iterator[Finding]:
    """A line for one day of every month names a day that every month has."""
    for entry, cron in _lines(facts):
        minute, hour, day, month, weekday = cron.line.split()
        if day in _SHORT and month == "*" and weekday == "*":
            line = f"{minute} {hour} L * *"
            message = f"not every month has a day {day}: it fires in {_SHORT[day]}"
            advice = f'for the last day of every month write "{line}"; or name the months that are meant'
            yield finding("cron-short-months", field_place(entry, 2), message, advice)


_SHORT = {"29": "11 months of 12, and in February of leap years", "30": "11 months of 12", "31": "7 months of 12"}


def cron_day_or(facts: Facts) -> Iterator[Finding]:
    """A line names days of the month or days of the week; where it names both, each of them counts."""
    for entry, cron in _lines(facts):
        minute, hour, day, month, weekday = cron.line.split()
        if not day.startswith("*") and not weekday.startswith("*"):
            message = "the day of the month and the day of the week are both set: it fires on days of either"
            advice = "write * in one of them; if both are meant, two schedules say it better"
            if _WEEK.fullmatch(day) and _WEEKDAY.fullmatch(weekday):
                line = f"{minute} {hour} * {month} {weekday}#{(int(day.partition('-')[0]) + 6) // 7}"
                advice = f'for such a day of the week in such a week of the month write "{line}"'
            yield finding("cron-day-or", field_place(entry, 2, 4), message, advice)


def cron_dst(facts: Facts) -> Iterator[Finding]:
    """Every time that a line names exists once a day: none is skipped or repeated when the clocks change."""
    of_zones: dict[str, list[ClockChange]] = {}
    for entry, cron in _lines(facts):
        if not cron.names_fixed_times:
            continue
        if cron.zone.key not in of_zones:
            of_zones[cron.zone.key] = list(clock_changes(cron.zone, facts.now, facts.now + _YEAR))
        met: dict[bool, tuple[datetime, ClockChange]] = {}
        for change in of_zones[cron.zone.key]:
            local = _met(cron, change)
            if local is not None:
                met.setdefault(change.is_gap, (local, change))
        if met:
            message = f"{_what_happens(list(met.values()))} in {cron.zone.key}"
            once = "once on each" if len(met) > 1 else "once"
            advice = f"it fires {once}: {' and '.join(_what_we_do(*each) for each in met.values())}"
            yield finding("cron-dst", field_place(entry, 0, 1), message, f"{advice}; Etc/UTC knows no such days")


def _met(cron: Cron, change: ClockChange) -> datetime | None:
    """Return the first time of a line among those that a change of the clocks skips or repeats."""
    start, end = sorted((change.before, change.after))
    local = next(cron.local_times(start - timedelta(seconds=1)), end)
    return local if local < end else None


def _what_happens(met: list[tuple[datetime, ClockChange]]) -> str:
    told, times = [], [f"{local:%H:%M} " for local, _ in met]
    for index, (local, change) in enumerate(met):
        time = "" if index and times[index] == times[index - 1] else times[index]
        told.append(f"{time}{'is skipped on' if change.is_gap else 'comes twice on'} {local:%Y-%m-%d}")
    return " and ".join(told)


def _what_we_do(local: datetime, change: ClockChange) -> str:
    return f"at {change.after:%H:%M}" if change.is_gap else f"at the first {local:%H:%M}"


def _lines(facts: Facts) -> Iterator[tuple[Entry, Cron]]:
    for read in facts.timings.values():
        if isinstance(read.timing, Cron):
            yield read.entry, read.timing


def _counting(facts: Facts) -> Iterator[tuple[Entry, int, _Field, int, int]]:
    """Yield every field that is one step through all its values, with the first of them and the step."""
    for entry, cron in _lines(facts):
        for index, (text, field) in enumerate(zip(cron.line.split(), _FIELDS, strict=True)):
            found = _STEPS.fullmatch(text)
            if found and (found["last"] is None or int(found["last"]) >= field.first + field.size - 1):
                yield entry, index, field, int(found["first"] or field.first), int(found["step"])

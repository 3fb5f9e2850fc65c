"""The timings of schedules: each read once, with what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from kongflow.config.law import law
from kongflow.config.project import Entry, Project
from kongflow.config.time_zones import zone_of
from kongflow.core.cron import Cron, CronError
from kongflow.core.schedule import Every

_DEFAULT_ZONE: str = law()["properties"]["schedules"]["additionalProperties"]["properties"]["timezone"]["default"]


@dataclass(frozen=True, slots=True)
class ReadTiming:
    """The timing of a schedule as far as it can be read; `problem` says what is wrong with its line."""

    entry: Entry
    timing: Cron | Every | None
    problem: CronError | None = None


def read_timings(project: Project) -> Mapping[str, ReadTiming]:
    """Return the timing of every schedule, by name."""
    return {name: _read(entry) for name, entry in project.schedules.items()}


def zone_name(entry: Entry) -> str:
    """Return the name of the time zone that holds for a schedule."""
    name: str = entry.value.get("timezone", _DEFAULT_ZONE)
    return name


def _read(entry: Entry) -> ReadTiming:
    match entry.value:
        case {"cron": _, "every": _}:
            return ReadTiming(entry, None)
        case {"every": interval}:
            return ReadTiming(entry, Every(interval))
        case {"cron": line}:
            return _read_line(entry, line)
    return ReadTiming(entry, None)


def _read_line(entry: Entry, line: str) -> ReadTiming:
    zone = zone_of(zone_name(entry))
    try:
        cron = Cron.parse(line, zone or ZoneInfo("UTC"))  # what is wrong with a line does not depend on its zone
    except CronError as problem:
        return ReadTiming(entry, None, problem)
    return ReadTiming(entry, None if zone is None else cron)

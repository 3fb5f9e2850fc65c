"""The next slot of each schedule, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kongflow.cli.output import iso, rough_duration
from kongflow.core.json import Json
from kongflow.core.schedule import Schedule

SHOWN = 10
"""Schedules that `validate` lists; `kongflow schedules list` lists them all."""
_UTC = ("UTC", "Etc/UTC")


@dataclass(frozen=True, slots=True)
class NextSlot:
    """A schedule and the first of its slots after an instant."""

    schedule: Schedule
    at: datetime

    def shape(self) -> dict[str, Json]:
        """Return it as JSON has it."""
        schedule = self.schedule
        words = schedule.timing.words
        return {"name": schedule.name, "next": iso(self.at), "timezone": schedule.timezone, "words": words}


def next_slots(schedules: Iterable[Schedule], now: datetime) -> list[NextSlot]:
    """Return the next slot of every schedule, soonest first."""
    found = [NextSlot(schedule, schedule.timing.after(now)) for schedule in schedules]
    return sorted(found, key=lambda each: (each.at, each.schedule.name))


def next_lines(slots: Sequence[NextSlot], now: datetime) -> list[str]:
    """Return the soonest of these as lines in aligned columns, such as
    `next: report  Tue 1 Dec 2026, 02:30 Europe/Berlin (01:30 UTC)  in 7h 12m  at 02:30 every day`.
    """
    shown = slots[:SHOWN]
    rows = [(each.schedule.name, when(each), until(each.at, now)) for each in shown]
    name, at, away = (max((len(row[column]) for row in rows), default=0) for column in range(3))
    lines = [
        f"{'next:' if index == 0 else '     '} {row[0]:<{name}}  {row[1]:<{at}}  {row[2]:<{away}}  {words}"
        for index, (row, words) in enumerate(zip(rows, (each.schedule.timing.words for each in shown), strict=True))
    ]
    more = len(slots) - len(shown)
    return [*lines, f"      … and {more} more: kongflow schedules list"] if more else lines


def when(slot: NextSlot) -> str:
    """Return an instant by the clocks of the schedule, and in UTC beside it where those show something else."""
    utc = slot.at.astimezone(UTC)
    if slot.schedule.timezone in _UTC:
        return f"{_day(utc)} {utc.year}, {_time(utc)} UTC"
    local = slot.at.astimezone(ZoneInfo(slot.schedule.timezone))
    there = f"{_day(local)} {local.year}, {_time(local)} {slot.schedule.timezone}"
    return f"{there} ({'' if local.date() == utc.date() else f'{_day(utc)}, '}{_time(utc)} UTC)"


def until(at: datetime, now: datetime) -> str:
    """Return how far away an instant is, such as `in 7h 12m`, rounded down to two units; less than an hour to one."""
    seconds = (at - now).total_seconds()
    hours, minutes = divmod(int(seconds // 60), 60)
    days, hours_of_day = divmod(hours, 24)
    if days:
        return f"in {days}d {hours_of_day}h"
    return f"in {hours}h {minutes}m" if hours else f"in {rough_duration(seconds)}"


def _day(instant: datetime) -> str:
    return f"{instant:%a} {instant.day} {instant:%b}"


def _time(instant: datetime) -> str:
    return f"{instant:%H:%M:%S}" if instant.second else f"{instant:%H:%M}"

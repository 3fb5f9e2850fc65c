"""The slots of a schedule: when it fires next. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

MIN_INTERVAL, MAX_INTERVAL = 20, 2_592_000
"""Seconds that an interval may have."""

SHORTEST_INTERVAL = 60
"""Seconds between two events of an interval at least, whatever it says."""

MAX_CRON = 200
"""Characters of a cron line."""


class InvalidSchedule(ValueError):
    """The schedule has no slots; the text says why."""


def next_slot(schedule: Any, last: datetime | None, now: datetime) -> datetime:
    """Return the first slot after `now`; slots that have passed meanwhile are skipped.

    An interval counts from its last slot, or from now where there was none; a cron line is read in UTC.
    Raises: InvalidSchedule.
    """
    kind, options = _parts(schedule)
    if kind == "cron":
        return _next_of_cron(options.get("cron"), max(last or now, now))
    if kind == "interval":
        return _next_of_interval(options.get("seconds"), last, now)
    raise InvalidSchedule("a schedule is of the type cron or interval")


def _parts(schedule: Any) -> tuple[Any, Mapping[str, Any]]:
    if not isinstance(schedule, dict) or not isinstance(schedule.get("options"), dict):
        raise InvalidSchedule("a schedule is an object with a type and options")
    return schedule.get("type"), schedule["options"]


def _next_of_cron(line: Any, after: datetime) -> datetime:
    if not isinstance(line, str) or len(line) > MAX_CRON:
        raise InvalidSchedule(f"the cron line must be a text of at most {MAX_CRON} characters")
    if len(line.split()) != 5:
        raise InvalidSchedule(f"{line!r} is no cron line: it has five fields, from the minute to the day of the week")
    try:
        return next(CronSim(line, after.astimezone(UTC)))
    except CronSimError as error:
        raise InvalidSchedule(f"{line!r} is no cron line: {error}") from None
    except StopIteration:
        raise InvalidSchedule(f"{line!r} never comes") from None


def _next_of_interval(seconds: Any, last: datetime | None, now: datetime) -> datetime:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise InvalidSchedule(f"an interval has {MIN_INTERVAL} to {MAX_INTERVAL} seconds")
    step = max(seconds, SHORTEST_INTERVAL)
    start = last or now
    passed = math.floor((now - start).total_seconds() / step) if now > start else 0
    return start + timedelta(seconds=step * (passed + 1))

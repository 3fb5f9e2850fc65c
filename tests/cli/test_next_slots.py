"""The next slots of schedules, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kongflow.cli.next_slots import next_lines, next_slots, until
from kongflow.core.cron import Cron
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schedule import Every, Schedule, Timing

NOW = datetime(2026, 11, 30, 18, 18, tzinfo=UTC)


def schedule(name: str, timing: Timing, timezone: str = "Etc/UTC") -> Schedule:
    return Schedule(name, timing, "work", PayloadTemplate.parse({}), timezone)


def by_line(name: str, line: str, timezone: str) -> Schedule:
    return schedule(name, Cron.parse(line, ZoneInfo(timezone)), timezone)


def lines(*schedules: Schedule) -> list[str]:
    return next_lines(next_slots(schedules, NOW), NOW)


def test_the_soonest_comes_first_and_columns_stand_below_each_other() -> None:
    assert lines(
        by_line("nightly_report", "30 2 * * *", "Europe/Berlin"),
        schedule("sweep", Every(600.0)),
        by_line("morning", "0 6 * * *", "Asia/Tokyo"),
    ) == [
        "next: sweep           Mon 30 Nov 2026, 18:20 UTC                                in 2m      every 10m",
        "      morning         Tue 1 Dec 2026, 06:00 Asia/Tokyo (Mon 30 Nov, 21:00 UTC)  in 2h 42m  at 06:00 every day",
        "      nightly_report  Tue 1 Dec 2026, 02:30 Europe/Berlin (01:30 UTC)           in 7h 12m  at 02:30 every day",
    ]


def test_a_slot_between_minutes_shows_its_seconds() -> None:
    (line,) = lines(schedule("often", Every(7.0)))

    assert line == "next: often  Mon 30 Nov 2026, 18:18:01 UTC  in 1s  every 7s"


def test_of_many_the_first_ten_are_listed_and_the_rest_is_counted() -> None:
    many = lines(*(schedule(f"s{number:02}", Every(3600.0 + number)) for number in range(13)))

    assert len(many) == 11
    assert many[-1] == "      … and 3 more: kongflow schedules list"


def test_without_schedules_there_is_no_line() -> None:
    assert lines() == []


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(milliseconds=300), "in 300ms"),
        (timedelta(seconds=59.9), "in 59s"),
        (timedelta(minutes=59, seconds=59), "in 59m"),
        (timedelta(hours=7, minutes=12, seconds=30), "in 7h 12m"),
        (timedelta(days=365, hours=4, minutes=50), "in 365d 4h"),
    ],
)
def test_a_distance_is_told_in_two_units_or_one(distance: timedelta, said: str) -> None:
    assert until(NOW + distance, NOW) == said

"""When the clocks of a time zone are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kongflow.core.clocks import ClockChange, clock_changes

START = datetime(2027, 1, 1, tzinfo=UTC)


def changes(zone: str, days: int = 365) -> list[ClockChange]:
    return list(clock_changes(ZoneInfo(zone), START, START + timedelta(days=days)))


def test_a_year_has_a_gap_and_a_repeated_hour() -> None:
    spring, autumn = changes("Europe/Berlin")

    assert spring == ClockChange(
        datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 3, 28, 2), datetime(2027, 3, 28, 3)
    )
    assert autumn == ClockChange(
        datetime(2027, 10, 31, 1, tzinfo=UTC), datetime(2027, 10, 31, 3), datetime(2027, 10, 31, 2)
    )
    assert (spring.is_gap, autumn.is_gap) == (True, False)


def test_a_change_may_be_of_half_an_hour() -> None:
    autumn, spring = changes("Australia/Lord_Howe")

    assert autumn.before - autumn.after == spring.after - spring.before == timedelta(minutes=30)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_some_clocks_are_never_changed(zone: str) -> None:
    assert changes(zone) == []


def test_changes_outside_of_the_span_are_not_told() -> None:
    assert changes("Europe/Berlin", days=30) == []

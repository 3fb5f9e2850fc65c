"""Cron lines: which instants they mean, also when the clocks change, and what is refused."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from kongflow.core.cron import Cron, CronError, NeverMatches

BERLIN = "Europe/Berlin"
ZONES = (BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Havana")
"""Clocks go by an hour at two, or at night before it; by half an hour; and at midnight."""
MINUTE = timedelta(minutes=1)


def slots(line: str, zone: str, start: str, count: int) -> list[str]:
    """The first slots after a local time, as local times."""
    cron, at, found = Cron.parse(line, ZoneInfo(zone)), datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)), []
    for _ in range(count):
        at = cron.after(at)
        found.append(at.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


def test_a_slot_is_an_instant_after_the_one_that_is_asked_about() -> None:
    nine = datetime(2026, 12, 1, 9, tzinfo=UTC)
    daily = Cron.parse("0 9 * * *", ZoneInfo("UTC"))

    assert daily.after(nine - timedelta(microseconds=1)) == nine
    assert daily.after(nine) == nine + timedelta(days=1)
    assert daily.after(nine.astimezone(ZoneInfo("Asia/Tokyo"))) == nine + timedelta(days=1)
    assert daily.after(nine).tzinfo is UTC


# --- the clocks change -----------------------------------------------------------------------------------------------


def test_a_fixed_time_that_does_not_exist_is_the_first_moment_after() -> None:
    assert slots("30 2 * * *", BERLIN, "2027-03-27T12:00", 2) == ["2027-03-28T03:00+02:00", "2027-03-29T02:30+02:00"]
    assert slots("0 0 * * *", "America/Havana", "2027-03-13T12:00", 1) == ["2027-03-14T01:00-04:00"]


def test_a_fixed_time_that_exists_twice_is_the_first_of_both() -> None:
    assert slots("30 2 * * *", BERLIN, "2027-10-30T12:00", 2) == ["2027-10-31T02:30+02:00", "2027-11-01T02:30+01:00"]


def test_a_fixed_time_does_not_come_again_for_who_asks_between_both() -> None:
    between = datetime(2027, 10, 31, 1, 15, tzinfo=UTC)  # 02:15, the second time

    assert Cron.parse("30 2 * * *", ZoneInfo(BERLIN)).after(between) == datetime(2027, 11, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("line", ["0 * * * *", "0 */1 * * *", "0 0-23 * * *", "0 1-5 * * *"])
def test_a_repetition_follows_elapsed_time(line: str) -> None:
    spring, autumn = slots(line, BERLIN, "2027-03-28T00:30", 2), slots(line, BERLIN, "2027-10-31T01:30", 3)

    assert spring == ["2027-03-28T01:00+01:00", "2027-03-28T03:00+02:00"]
    assert autumn == ["2027-10-31T02:00+02:00", "2027-10-31T02:00+01:00", "2027-10-31T03:00+01:00"]


def test_a_repetition_in_an_hour_that_does_not_exist_leaves_the_day_out() -> None:
    assert slots("*/30 2 * * *", BERLIN, "2027-03-27T12:00", 1) == ["2027-03-29T02:00+02:00"]


def test_of_fixed_times_that_do_not_exist_one_moment_is_left() -> None:
    night = ["2027-03-28T03:00+02:00", "2027-03-29T02:00+02:00"]

    assert slots("0,30 2 * * *", BERLIN, "2027-03-27T12:00", 2) == night
    assert slots("0 2,3 * * *", BERLIN, "2027-03-27T12:00", 2) == night


def test_where_cronsim_differs_ours_holds() -> None:
    zone = ZoneInfo(BERLIN)
    autumn = datetime(2027, 10, 31, tzinfo=zone)

    # It takes a range of one value with a step for "from there on".
    assert next(CronSim("18-18/5 * * * *", datetime(2027, 1, 1, 0, 18))).minute == 23
    assert slots("18-18/5 * * * *", "UTC", "2027-01-01T00:18", 1) == ["2027-01-01T01:18+00:00"]
    # It takes a range of hours for fixed times: one of two hours is left out, …
    theirs = CronSim("0 1-5 * * *", autumn)
    assert [next(theirs).utcoffset() for _ in range(3)] == [timedelta(hours=n) for n in (2, 2, 1)]
    assert slots("0 1-5 * * *", BERLIN, "2027-10-31T00:30", 3)[2] == "2027-10-31T02:00+01:00"
    # … and for who asks between the two times of one, it answers with the first, which is over.
    between = datetime(2027, 10, 31, 2, 15, fold=1, tzinfo=zone)
    assert next(CronSim("30 2 * * *", between)).astimezone(UTC) < between.astimezone(UTC)


# --- against a reference ---------------------------------------------------------------------------------------------


class Line:
    """A random line, and what its fields mean."""

    def __init__(self, rng: random.Random) -> None:
        (minute, minutes, steps), (hour, hours, others) = self._field(rng, 60), self._field(rng, 24)
        day, days = ("*", range(1, 32)) if rng.random() < 0.7 else self._list(rng, range(1, 32))
        weekday, weekdays = ("*", range(7)) if rng.random() < 0.7 else self._list(rng, range(7))
        self.minutes, self.hours, self.days, self.weekdays = set(minutes), set(hours), set(days), set(weekdays)
        self.repeats = steps or others
        self.a_day = len(self.minutes) * len(self.hours)
        self.either = day != "*" and weekday != "*"
        self.text = f"{minute} {hour} {day} * {weekday}"

    def _list(self, rng: random.Random, values: range) -> tuple[str, list[int]]:
        chosen = sorted(rng.sample(values, rng.randint(1, 3)))
        return ",".join(map(str, chosen)), chosen

    def _field(self, rng: random.Random, size: int) -> tuple[str, range | list[int], bool]:
        kind = rng.randrange(4)
        if kind == 0:
            return "*", range(size), True
        if kind == 1:
            step = rng.choice((2, 3, 4, 6, 7, 12))
            return f"*/{step}", range(0, size, step), True
        if kind == 2:
            low, high = sorted(rng.sample(range(min(size, 8)), 2))
            return f"{low}-{high}", range(low, high + 1), True
        return *self._list(rng, range(min(size, 8)) if size == 24 else range(size)), False

    def matches_day(self, local: datetime) -> bool:
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either else day and weekday


class Wall:
    """What a clock on the wall of a zone shows in 2027, minute by minute."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.shown: dict[datetime, list[datetime]] = {}
        """Of the days on which the clocks change: the instants at which a local time is shown; none, one or two."""
        self.days = [datetime(2027, 1, 1) + timedelta(hours=n) for n in range(365 * 24)]
        midnights = self.days[::24]
        self.changes = [day for day in midnights if self._offset(day) != self._offset(day + timedelta(days=1))]
        self.nights = [day + timedelta(hours=n) for day in self.changes for n in range(-2, 6)]
        for day in self.changes:
            self._watch(day)

    def instants(self, line: Line, hours: list[datetime]) -> list[datetime]:
        """The slots of a line in these hours of the year, by walking through them."""
        found: set[datetime] = set()
        for hour in hours:
            if hour.hour in line.hours and line.matches_day(hour):
                found.update(*(self._of(line, hour.replace(minute=minute)) for minute in line.minutes))
        return sorted(found)

    def _of(self, line: Line, local: datetime) -> list[datetime]:
        if local not in self.shown:
            return [(local - self._offset(local)).replace(tzinfo=UTC)]
        instants = self.shown[local]
        if line.repeats:
            return instants
        while not self.shown[local]:  # the clocks were put forward over it: the first time that is shown after
            local += MINUTE
        return self.shown[local][:1]

    def _offset(self, local: datetime) -> timedelta:
        return local.replace(tzinfo=self.zone).utcoffset() or timedelta()

    def _watch(self, day: datetime) -> None:
        """Look at the wall at every minute, from half a day before a day until half a day after it."""
        self.shown |= {day + MINUTE * n: [] for n in range(-120, 26 * 60)}
        at = (day - timedelta(hours=12)).replace(tzinfo=UTC) - self._offset(day)
        for _ in range(48 * 60):
            shown = at.astimezone(self.zone).replace(tzinfo=None, fold=0)
            if shown in self.shown:
                self.shown[shown].append(at)
            at += MINUTE


def check_random_lines(zone_name: str, count: int) -> None:
    zone, rng = ZoneInfo(zone_name), random.Random(zone_name)
    wall = Wall(zone)
    assert len(wall.changes) == 2
    for _ in range(count):
        line = Line(rng)
        cron, before = Cron.parse(line.text, zone), None
        for slot in wall.instants(line, wall.nights if line.a_day > MOST_A_DAY else wall.days):
            if before is None or slot - before > timedelta(days=60):  # from one change of the clocks to the next
                before = slot - timedelta(seconds=1)
            before = cron.after(before)
            assert before == slot, (line.text, zone_name)


MOST_A_DAY = 3
"""Slots of a day up to which the whole year is compared; of lines with more, the nights when the clocks change."""


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_random_lines_is_what_the_clock_on_the_wall_shows(zone: str) -> None:
    check_random_lines(zone, 20)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_many_random_lines_is_what_the_clock_on_the_wall_shows(zone: str) -> None:
    check_random_lines(zone, 150)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("* * * *", "4 fields, expected 5", "minute, hour, day of the month"),
        ("", "0 fields, expected 5", "minute, hour"),
        ("*/10 * * * * *", "six fields", "every: 10s"),
        ("61 * * * *", "'61' is no minute", "0-59"),
        ("0 24 * * *", "'24' is no hour", "an hour is 0-23"),
        ("0 22-4 * * *", "'22-4' is no hour", "write it as two, 22-… and …-4"),
        ("0 6 ? * 1", "'?' is no day of the month", "write *"),
        ("0 0 * * FUN", "'FUN' is no day of the week", "SUN-SAT"),
        ("0 0 30 2 *", "never matches", "no such day"),
        ("0 0 31 4,6 *", "never matches", "no such day"),
        ("0 0 * 2 1#5,2#6", "is no day of the week", "1#2"),
        ("0 9 * * MON Europe/Berlin", "a time zone is no field", "timezone: Europe/Berlin"),
        ("CRON_TZ=America/New_York 0 9 * * *", "a time zone is no field", "timezone: America/New_York"),
        ("@daily", "@daily is not a line of five fields", '"0 0 * * *"'),
        ("@never", "@never is not a line of five fields", "minute, hour"),
    ],
)
def test_what_is_no_line_is_refused_with_what_to_write(line: str, message: str, hint: str) -> None:
    with pytest.raises(CronError) as refused:
        Cron.parse(line, ZoneInfo("UTC"))

    assert message in str(refused.value)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("line", "field"), [("61 * * * *", 0), ("0 0 * * FUN", 4), ("0 0 30 2 *", 2), ("* * * *", None)]
)
def test_a_refusal_says_in_which_field_it_is(line: str, field: int | None) -> None:
    with pytest.raises(CronError) as refused:
        Cron.parse(line, ZoneInfo("UTC"))

    assert refused.value.field == field
    assert isinstance(refused.value, NeverMatches) == ("30 2" in line)

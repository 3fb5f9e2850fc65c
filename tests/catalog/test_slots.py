"""The slots of a schedule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.eventing.slots import InvalidSchedule, next_slot

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def cron(line):
    return {"type": "cron", "options": {"cron": line}}


def interval(seconds):
    return {"type": "interval", "options": {"seconds": seconds}}


def test_a_cron_line_is_read_in_utc():
    assert next_slot(cron("0 22 * * *"), None, NOON) == datetime(2026, 1, 31, 22, tzinfo=UTC)


def test_slots_of_a_cron_line_that_have_passed_are_skipped():
    hour_ago = NOON - timedelta(hours=1)

    assert next_slot(cron("*/5 * * * *"), hour_ago, NOON) == NOON + timedelta(minutes=5)


def test_a_slot_that_fires_before_its_time_by_another_clock_is_not_fired_twice():
    assert next_slot(cron("0 12 * * *"), NOON, NOON - timedelta(seconds=2)) == NOON + timedelta(days=1)


def test_an_interval_counts_from_its_last_slot_and_from_now_where_there_was_none():
    assert next_slot(interval(300), None, NOON) == NOON + timedelta(seconds=300)
    assert next_slot(interval(300), NOON - timedelta(seconds=10), NOON) == NOON + timedelta(seconds=290)
    assert next_slot(interval(300), NOON, NOON) == NOON + timedelta(seconds=300)
    assert next_slot(interval(300), NOON - timedelta(seconds=910), NOON) == NOON + timedelta(seconds=290)
    assert next_slot(interval(300), NOON + timedelta(seconds=2), NOON) == NOON + timedelta(seconds=302)


def test_an_interval_is_a_minute_at_least():
    assert next_slot(interval(20), NOON, NOON) == NOON + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        (cron("0 0 30 2 *"), "'0 0 30 2 .' is no cron line: Bad day-of-month"),
        (cron("0 0 */30 2 MON#5"), "never comes"),
        (cron("61 * * * *"), "Bad minute"),
        (cron("* * *"), "it has five fields"),
        (cron("* * * * * *"), "it has five fields"),
        (cron("@daily"), "it has five fields"),
        (cron(""), "it has five fields"),
        (cron(5), "must be a text"),
        (cron("1," * 200 + "1 * * * *"), "at most 200 characters"),
        (interval(19), "20 to 2592000 seconds"),
        (interval(2_592_001), "20 to 2592000 seconds"),
        (interval("60"), "20 to 2592000 seconds"),
        (interval(True), "20 to 2592000 seconds"),
        ({"type": "sometimes", "options": {}}, "of the type cron or interval"),
        ({"type": "cron"}, "with a type and options"),
        (None, "with a type and options"),
    ],
)
def test_a_schedule_without_slots_is_refused_in_words(schedule, problem):
    with pytest.raises(InvalidSchedule, match=problem):
        next_slot(schedule, None, NOON)


fields = st.text("0123456789*/,-LW#MON?²", max_size=8) | st.text(max_size=5)


@settings(deadline=None)
@given(line=st.lists(fields, min_size=5, max_size=5).map(" ".join))
def test_no_cron_line_makes_it_crash(line):
    try:
        slot = next_slot(cron(line), None, NOON)
    except InvalidSchedule:
        return
    assert slot > NOON


@settings(deadline=None)
@given(seconds=st.integers(20, 2_592_000), last=st.integers(-(10**9), 10**3))
def test_the_next_slot_of_an_interval_is_in_the_future_and_at_most_one_interval_away(seconds, last):
    slot = next_slot(interval(seconds), NOON + timedelta(seconds=last), NOON)

    assert timedelta() < slot - max(NOON, NOON + timedelta(seconds=last)) <= timedelta(seconds=max(seconds, 60))

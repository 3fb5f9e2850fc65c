"""Schedules: which slots are due after a pause of any length, and what their payloads say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kongflow.core.cron import Cron
from kongflow.core.json import Json
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schedule import (
    MOST_COUNTED,
    Catchup,
    CatchupPolicy,
    Due,
    Every,
    Schedule,
    Slot,
    due,
    last_slot,
    slot_payload,
    slot_text,
)
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import TemplateSyntaxProblem
from kongflow.errors import TemplateError

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Cron.parse("0 * * * *", ZoneInfo("UTC"))


def schedule(timing: Cron | Every = HOURLY, **options: object) -> Schedule:
    payload = PayloadTemplate.parse(options.pop("payload", {}))
    return Schedule("report", timing, "report", payload, **options)


def catching_up(policy: str, window: float, timing: Cron | Every = HOURLY) -> Schedule:
    return schedule(timing, catchup=Catchup(CatchupPolicy(policy), window))


def hours(found: Due) -> list[tuple[int, bool]]:
    return [(slot.at.hour, slot.backfilled) for slot in found.slots]


# --- when slots are --------------------------------------------------------------------------------------------------


def test_slots_of_an_interval_are_its_whole_multiples_since_1970() -> None:
    assert Every(900).after(NOON + timedelta(seconds=1)) == NOON + timedelta(minutes=15)
    assert Every(900).after(NOON) == NOON + timedelta(minutes=15)
    assert Every(86_400).after(NOON) == NOON + timedelta(hours=12)
    assert Every(1.5).after(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)).microsecond == 500_000
    assert Every(90 * 60).after(NOON).astimezone(ZoneInfo("Asia/Tokyo")) == NOON + timedelta(minutes=90)


def test_a_timing_says_itself_in_plain_words() -> None:
    assert Every(5400).words == Every(5400).text == "every 1h30m"
    assert Cron.parse("30  2 * *   *", ZoneInfo("Europe/Berlin")).text == "30 2 * * * Europe/Berlin"
    assert Cron.parse("*/5 * * * *", ZoneInfo("UTC")).words == "every fifth minute of every hour"


# --- which are due ---------------------------------------------------------------------------------------------------


def test_nothing_is_due_before_the_next_slot() -> None:
    assert due(schedule(), NOON, NOON + HOUR - timedelta(milliseconds=1), 10) == Due(
        (), NOON + HOUR - timedelta(milliseconds=1)
    )


def test_a_slot_is_due_at_its_instant_and_only_once() -> None:
    at = NOON + HOUR

    assert due(schedule(), NOON, at, 10) == Due((Slot(at),), at)
    assert due(schedule(), at, at + timedelta(seconds=5), 10).slots == ()


def test_a_slot_that_is_late_by_no_more_than_grace_simply_fires() -> None:
    late = NOON + HOUR + timedelta(seconds=60)

    assert due(schedule(), NOON, late, 10) == Due((Slot(NOON + HOUR),), late)
    assert due(schedule(), NOON, late + timedelta(milliseconds=1), 10).slots == ()
    assert due(schedule(grace=3600.0), NOON, NOON + 2 * HOUR, 10).slots == (Slot(NOON + HOUR), Slot(NOON + 2 * HOUR))


def test_after_three_hours_without_a_runner_none_makes_nothing_up_and_counts_what_is_missed() -> None:
    back = NOON + 3 * HOUR + timedelta(minutes=30)
    found = due(schedule(), NOON, back, 10)

    assert (found.slots, found.missed, found.up_to) == ((), 3, back)


def test_all_makes_up_what_is_within_the_window_and_says_so() -> None:
    back = NOON + 3 * HOUR + timedelta(minutes=30)

    assert hours(due(catching_up("all", 5400), NOON, back, 10)) == [(14, True), (15, True)]
    assert due(catching_up("all", 5400), NOON, back, 10).missed == 1
    assert hours(due(catching_up("all", 86_400), NOON, back, 10)) == [(13, True), (14, True), (15, True)]


def test_a_slot_on_time_is_not_backfilled_whatever_came_before_it() -> None:
    back = NOON + 3 * HOUR + timedelta(seconds=30)

    assert hours(due(catching_up("all", 86_400), NOON, back, 10)) == [(13, True), (14, True), (15, False)]
    assert hours(due(schedule(), NOON, back, 10)) == [(15, False)]


def test_latest_makes_up_the_last_one_and_only_where_none_is_on_time() -> None:
    late, on_time = NOON + 3 * HOUR + timedelta(minutes=30), NOON + 3 * HOUR + timedelta(seconds=30)

    assert hours(due(catching_up("latest", 86_400), NOON, late, 10)) == [(15, True)]
    assert due(catching_up("latest", 86_400), NOON, late, 10).missed == 2
    assert hours(due(catching_up("latest", 86_400), NOON, on_time, 10)) == [(15, False)]
    assert due(catching_up("latest", 86_400), NOON, on_time, 10).missed == 2
    assert due(catching_up("latest", 600), NOON, late, 10).slots == ()
    assert due(catching_up("latest", 600), NOON, late, 10).missed == 3


def test_a_window_that_is_shorter_than_grace_takes_nothing_away() -> None:
    back = NOON + HOUR + timedelta(seconds=50)

    for policy in ("all", "latest"):
        assert hours(due(catching_up(policy, 10), NOON, back, 10)) == [(13, False)]


@pytest.mark.parametrize("policy", ["none", "latest", "all"])
def test_no_more_than_the_limit_is_decided_at_once_and_nothing_is_lost_between(policy: str) -> None:
    every = catching_up(policy, 600, Every(1))
    now, since, found = NOON + timedelta(seconds=600), NOON, []
    while since < now:
        part = due(every, since, now, 7)
        found += part.slots
        assert len(part.slots) <= 7
        assert part.up_to > since
        since = part.up_to

    late = [Slot(NOON + timedelta(seconds=n), backfilled=True) for n in range(1, 540)]
    on_time = [Slot(NOON + timedelta(seconds=n)) for n in range(540, 601)]
    assert found == (late + on_time if policy == "all" else on_time)


def test_missed_slots_are_counted_up_to_a_bound() -> None:
    a_year_on = NOON + timedelta(days=365)

    assert due(schedule(Every(1)), NOON, a_year_on, 10).missed == MOST_COUNTED
    assert (
        due(catching_up("latest", 60, Every(3600)), NOON, a_year_on + timedelta(minutes=30), 10).missed == MOST_COUNTED
    )


@pytest.mark.parametrize(
    ("line", "days"), [("0 0 1 1 *", 700), ("* 3 * * *", 70), ("0 0 29 2 *", 700), ("*/7 1-3 * * 1", 700)]
)
def test_the_last_slot_is_the_one_that_walking_forward_ends_with(line: str, days: int) -> None:
    timing = Cron.parse(line, ZoneInfo("Europe/Berlin"))
    start, end = NOON - timedelta(days=days), NOON + timedelta(days=33, hours=7, seconds=11)
    walked, at = None, start
    while (at := timing.after(at)) <= end:
        walked = at

    assert last_slot(schedule(timing), start, end) == walked
    if walked is not None:
        assert last_slot(schedule(timing), start, walked) == walked


def test_there_is_no_last_slot_where_there_is_none() -> None:
    assert last_slot(schedule(), NOON, NOON + timedelta(minutes=59)) is None


# --- what a job of a slot is told ------------------------------------------------------------------------------------


def payload(source: dict[str, Json], schema: Json = None, *, backfilled: bool = False) -> Json:
    compiled = None if schema is None else PayloadSchema.compile(schema)
    return slot_payload(schedule(payload=source), Slot(NOON, backfilled=backfilled), compiled)


def test_templates_of_a_payload_have_the_slot_and_the_name_of_the_schedule() -> None:
    source: dict[str, Json] = {"for": {"month": "<< schedule.slot[:7] >>", "by": ["<< schedule.name >>", 5]}, "n": None}

    assert payload(source) == {"for": {"month": "2026-12", "by": ["report", 5]}, "n": None}


def test_a_payload_tells_slot_and_backfill_where_the_schema_declares_them() -> None:
    both: Json = {"properties": {"ts": {"type": "string"}, "backfilled": {"type": "boolean"}}}
    behind: Json = {"$ref": "#/$defs/slot", "$defs": {"slot": {"properties": {"ts": {"type": "string"}}}}}

    assert payload({"a": 1}, both) == {"a": 1, "ts": "2026-12-01T12:00:00Z", "backfilled": False}
    assert payload({}, both, backfilled=True) == {"ts": "2026-12-01T12:00:00Z", "backfilled": True}
    assert payload({}, behind) == {"ts": "2026-12-01T12:00:00Z"}
    assert payload({}, {"properties": {}}) == payload({}) == {}


def test_what_a_schedule_gives_itself_is_left_as_it_is() -> None:
    assert payload({"ts": "then"}, {"properties": {"ts": {}}}) == {"ts": "then"}


def test_a_template_of_a_payload_that_cannot_be_rendered_says_why() -> None:
    with pytest.raises(TemplateError, match=r"schedule\.when"):
        payload({"at": "<< schedule.when >>"})
    with pytest.raises(TemplateSyntaxProblem):
        PayloadTemplate.parse({"at": ["<< schedule.slot"]})


def test_slots_are_told_in_utc_with_milliseconds_only_where_there_are_any() -> None:
    tokyo = datetime(2026, 12, 1, 21, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert slot_text(tokyo) == "2026-12-01T12:00:00Z"
    assert slot_text(NOON + timedelta(milliseconds=250)) == "2026-12-01T12:00:00.250Z"

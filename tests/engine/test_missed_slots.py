"""Runners that were not there, and clocks that jump: what is made up, what is missed, and nothing twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schedule import EPOCH, Schedule, slot_text
from kongflow.engine.slot_events import SlotsMissed
from tests.engine.clockwork import Clockwork, make_schedule, open_clockwork
from tests.engine.waiting import until_async

pytestmark = pytest.mark.anyio

TEN_MINUTES = timedelta(minutes=10)
THREE_HOURS = 3 * 3600.0


async def nothing(payload: Any) -> None: ...


TASKS = {"work": {"run": nothing}}


async def down(clockwork: Clockwork, hours: int, after_a_slot: timedelta) -> tuple[datetime, datetime]:
    """Let runners go, and come back hours later, so long after a slot of ten minutes; return both times."""
    await clockwork.start()
    await clockwork.seen("ten")
    await clockwork.stop()
    left = await clockwork.now()
    target = left + timedelta(hours=hours)
    target += -((target - EPOCH) % TEN_MINUTES) + after_a_slot
    clockwork.advance((target - left).total_seconds())
    await clockwork.start()

    async def has_caught_up() -> bool:
        return (await clockwork.store.timetable.states()).states["ten"].decided_up_to >= target

    await until_async(has_caught_up)
    return left, target


def slots_between(after: datetime, up_to: datetime) -> list[datetime]:
    """The slots of ten minutes."""
    first = after - (after - EPOCH) % TEN_MINUTES + TEN_MINUTES
    return [first + n * TEN_MINUTES for n in range((up_to - first) // TEN_MINUTES + 1)]


LATE, ON_TIME = timedelta(minutes=5), timedelta(seconds=10)
"""How long after a slot runners come back: later than its grace, and within."""
NONE = ("none", 0.0)


@pytest.mark.parametrize(
    ("catchup", "back", "made_up", "on_time"),
    [
        (NONE, LATE, 0, 0),
        (NONE, ON_TIME, 0, 1),
        (("latest", 3600.0), LATE, 1, 0),
        (("latest", 3600.0), ON_TIME, 0, 1),
        (("all", 3600.0), LATE, 6, 0),
        (("all", 3600.0), ON_TIME, 5, 1),
    ],
)
async def test_after_three_hours_the_slots_are_added_that_catchup_names(
    tmp_path: Path, catchup: tuple[str, float], back: timedelta, made_up: int, on_time: int
) -> None:
    ten = make_schedule("ten", 600, catchup=catchup)
    async with open_clockwork(tmp_path, TASKS, ten, runners=2) as clockwork:
        left, returned = await down(clockwork, 3, back)
        decided = await clockwork.decided()
        jobs = await clockwork.jobs()
        missed = sum(told.missed for site in clockwork.sites for told in site.of(SlotsMissed))

    over = slots_between(left, returned)
    assert [each.slot.at for each in decided] == (over[-(made_up + on_time) :] if made_up + on_time else [])
    assert [each.slot.backfilled for each in decided] == [True] * made_up + [False] * on_time
    assert [job.payload for job in jobs] == [
        {"ts": slot_text(each.slot.at), "backfilled": each.slot.backfilled} for each in decided
    ]
    assert missed == len(over) - len(decided)


async def test_more_than_can_be_decided_about_at_once_is_made_up_all_the_same(tmp_path: Path) -> None:
    ten = make_schedule("ten", 600, catchup=("all", 36 * 3600.0))
    async with open_clockwork(tmp_path, TASKS, ten, runners=2) as clockwork:
        left, returned = await down(clockwork, 35, LATE)
        decided = await clockwork.decided()
        jobs = await clockwork.jobs()

    assert len(decided) > 200
    assert [each.slot.at for each in decided] == slots_between(left, returned)
    assert [job.payload["ts"] for job in jobs] == [slot_text(each.slot.at) for each in decided]


# --- clocks that jump ------------------------------------------------------------------------------------------------

PULSE = 0.2


def schedules() -> tuple[Schedule, ...]:
    return (
        make_schedule("pulse", PULSE, grace=1.0),
        make_schedule("minutes", 60.0, catchup=("all", 300.0)),
        make_schedule("missing", 60.0),
    )


async def until_later(clockwork: Clockwork, than: datetime) -> datetime:
    """Return the newest slot of `pulse` when it is later."""

    async def is_later() -> bool:
        return (await clockwork.decided("pulse"))[-1].slot.at > than

    await until_async(is_later)
    return (await clockwork.decided("pulse"))[-1].slot.at


async def test_a_clock_that_jumps_ahead_and_back_adds_no_slot_twice(tmp_path: Path) -> None:
    async with open_clockwork(tmp_path, TASKS, *schedules(), runners=2) as clockwork:
        await clockwork.start()
        await clockwork.until_decided("pulse", 5)
        before = {each.slot.at for each in await clockwork.decided("minutes")}
        jumped = await clockwork.now()
        clockwork.advance(600, wall_only=True)
        made_up = await clockwork.until_decided("minutes", len(before) + 4)
        ahead = await until_later(clockwork, jumped + timedelta(seconds=590))
        clockwork.advance(-600, wall_only=True)
        count = len(await clockwork.decided("pulse"))
        await clockwork.until_decided("pulse", count + 5)
        # Once more to where it was before: these slots were decided about.
        clockwork.advance(600, wall_only=True)
        await until_later(clockwork, ahead)
        await clockwork.stop()
        decided, jobs = await clockwork.decided(), await clockwork.jobs()

    late = [each for each in made_up if each.slot.backfilled]
    assert 4 <= len(late) <= 5
    assert all(each.slot.at > jumped + timedelta(seconds=250) for each in late)
    assert not any(each.slot.backfilled for each in decided if each.schedule != "minutes")
    missing = [each.slot.at for each in decided if each.schedule == "missing"]
    assert not [at for at in missing if jumped + timedelta(seconds=60) < at < jumped + timedelta(seconds=530)]
    made = [(job.schedule, job.payload["ts"]) for job in jobs]
    assert len(made) == len(set(made))
    assert sorted(made) == sorted((each.schedule, slot_text(each.slot.at)) for each in decided)
    assert any(each.slot.at < jumped + timedelta(seconds=60) for each in decided if each.schedule == "pulse")

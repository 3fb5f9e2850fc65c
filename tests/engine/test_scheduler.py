"""The scheduler, tick by tick on a store whose clock is moved: what it fires, when it looks again, what it tells."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schedule import Catchup, CatchupPolicy, Overlap, Slot, slot_text
from kongflow.engine.events import PartFailed
from kongflow.engine.scheduler import MOST_AT_ONCE, NOT_IN_FORCE, REFUSED_AGAIN, slot_job
from kongflow.engine.slot_events import SlotFailed, SlotFired, SlotSkipped, SlotsMissed, SlotWaits
from kongflow.errors import StoreBusy, StoreUnavailable
from kongflow.store.timetable import Firing
from tests.builders import QUICK
from tests.engine.bench import QUARTER, every, opened
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

# --- slots -----------------------------------------------------------------------------------------------------------


async def test_first_sight_adds_nothing_and_the_next_look_is_at_the_next_slot(tmp_path: Path) -> None:
    async with opened(tmp_path, every(), every(20.0, name="often"), seen=False) as made:
        pause = await made.scheduler.tick()

        assert 0 < pause <= 20
        assert (await made.jobs(), made.told, made.woken) == ([], [], [])


async def test_a_slot_adds_its_job_tells_it_and_wakes_the_worker(tmp_path: Path) -> None:
    async with opened(tmp_path, every(payload={"n": "<< schedule.name >>"})) as made:
        slot = await made.at(timedelta(seconds=5))
        pause = await made.scheduler.tick()

        (job,) = await made.jobs()
        assert job.payload == {"n": "report", "ts": slot_text(slot), "backfilled": False}
        assert made.told == [SlotFired("report", slot_text(slot), False, job.id)]
        assert made.woken == [1]
        assert pause > 0
        await made.scheduler.tick()
        assert len(await made.jobs()) == 1


async def test_of_five_schedulers_that_tick_at_once_one_adds_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.ALLOW)) as made:
        all_five = [made, *(made.deployed(every(overlap=Overlap.ALLOW)) for _ in range(4))]
        for _ in range(3):
            await made.at(timedelta(seconds=5))
            for each in all_five:
                await each.scheduler.tick()

        assert len(await made.jobs()) == 3
        assert sum(len(each.of(SlotFired)) for each in all_five) == 3


@pytest.mark.parametrize(
    ("catchup", "slots", "missed"),
    [
        (Catchup(), 0, 12),
        (Catchup(CatchupPolicy.LATEST, 3600.0), 1, 11),
        (Catchup(CatchupPolicy.ALL, 3600.0), 4, 8),
        (Catchup(CatchupPolicy.ALL, 86_400.0), 12, 0),
    ],
)
async def test_after_three_hours_without_a_runner_the_documented_slots_are_made_up(
    tmp_path: Path, catchup: Catchup, slots: int, missed: int
) -> None:
    async with opened(tmp_path, every(catchup=catchup, overlap=Overlap.ALLOW)) as made:
        made.stage.advance(11 * 900)
        last = await made.at(timedelta(minutes=5))
        await made.scheduler.tick()
        await made.scheduler.tick()

        expected = [slot_text(last - n * QUARTER) for n in reversed(range(slots))]
        assert await made.payloads() == [{"ts": slot, "backfilled": True} for slot in expected]
        assert [(event.missed, event.at_least) for event in made.of(SlotsMissed)] == [(missed, False)] * (missed > 0)


async def test_a_long_outage_is_made_up_in_bounded_steps(tmp_path: Path) -> None:
    often = every(60.0, overlap=Overlap.ALLOW, catchup=Catchup(CatchupPolicy.ALL, 86_400.0))
    async with opened(tmp_path, often) as made:
        await made.at(timedelta(hours=5, seconds=30))
        assert await made.scheduler.tick() == 0.0
        assert len(await made.jobs()) == MOST_AT_ONCE
        while await made.scheduler.tick() == 0.0:
            pass

        payloads = await made.payloads()
        assert len(payloads) == len({each["ts"] for each in payloads}) == 5 * 60 + 15
        assert [each["backfilled"] for each in payloads] == [True] * (len(payloads) - 1) + [False]


async def test_what_cannot_be_made_is_told_and_the_next_slot_is_tried_again(tmp_path: Path) -> None:
    picky = every(task="picky", payload={"ident": "x"})
    async with opened(tmp_path, picky, every(name="fine"), every(name="lost", task="unknown")) as made:
        for _ in range(2):
            await made.at(timedelta(seconds=5))
            await made.scheduler.tick()

        assert [job.schedule for job in await made.jobs()] == ["fine"]
        failed = {(event.schedule, event.why) for event in made.of(SlotFailed)}
        assert len(made.of(SlotFailed)) == 4
        assert {schedule for schedule, _ in failed} == {"report", "lost"}
        assert any("$.id" in why for _, why in failed)


async def test_a_schedule_that_the_database_refuses_keeps_no_other_from_firing_and_is_told_once(tmp_path: Path) -> None:
    async with opened(tmp_path, every(payload={"n": "bad"}), every(name="fine")) as made:
        await refuse(made.stage, "bad")
        await made.at(timedelta(seconds=5))
        assert await made.scheduler.tick() <= REFUSED_AGAIN
        await made.scheduler.tick()

        assert [job.schedule for job in await made.jobs()] == ["fine"]
        (told,) = made.of(PartFailed)
        assert "report" in told.error
        assert "not this one" in told.error
        await made.stage.sql("drop trigger picky on kongflow.job" if made.stage.on_postgres else "drop trigger picky")
        await made.scheduler.tick()
        assert [job.schedule for job in await made.jobs()] == ["fine", "report"]


async def refuse(stage: Stage, text: str) -> None:
    """Let the database refuse to add jobs whose payload contains a text."""
    if not stage.on_postgres:
        when = f"instr(new.payload, '{text}')"
        await stage.sql(
            f"create trigger picky before insert on kongflow_job when {when} "
            "begin select raise(abort, 'not this one'); end"
        )
        return
    await stage.sql(
        "create function public.picky() returns trigger language plpgsql as $$ begin"
        f" if strpos(new.payload\\:\\:text, '{text}') > 0 then raise exception 'not this one'; end if;"
        " return new; end $$"
    )
    await stage.sql("create trigger picky before insert on kongflow.job for each row execute function public.picky()")


async def test_a_database_that_is_away_is_told_by_the_caller(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:

        async def away(runner: int) -> None:
            raise StoreUnavailable("away")

        made.scheduler._timetable.states = away
        with pytest.raises(StoreUnavailable):
            await made.scheduler.tick()


# --- overlap ---------------------------------------------------------------------------------------------------------


async def test_a_slot_that_waits_is_added_when_the_job_before_has_ended(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.QUEUE)) as made:
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        running = await made.stage.claim_one(made.runner)
        slot = await made.at(timedelta(seconds=5))
        assert await made.scheduler.tick() <= QUICK.poll_interval
        assert await made.scheduler.tick() <= QUICK.poll_interval
        assert [event.slot for event in made.of(SlotWaits)] == [slot_text(slot)]

        await made.stage.end(made.runner, running)
        await made.scheduler.tick()
        assert [event.slot for event in made.of(SlotFired)][1:] == [slot_text(slot)]
        assert (await made.payloads())[1] == {"ts": slot_text(slot), "backfilled": False}


async def test_a_slot_that_waits_goes_when_a_deploy_allows_overlap(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.QUEUE)) as made:
        for _ in range(2):
            await made.at(timedelta(seconds=5))
            await made.scheduler.tick()
        assert len(await made.jobs()) == 1

        await made.deployed(every(overlap=Overlap.ALLOW)).scheduler.tick()
        assert len(await made.jobs()) == 2


async def test_a_slot_that_is_skipped_is_told_with_the_reason(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:
        for _ in range(2):
            slot = await made.at(timedelta(seconds=5))
            await made.scheduler.tick()

        (job,) = await made.jobs()
        assert made.of(SlotSkipped) == [SlotSkipped("report", slot_text(slot), False, f"job {job.id} has not ended")]


async def test_slots_that_are_skipped_together_are_told_together(tmp_path: Path) -> None:
    async with opened(tmp_path, every(60.0, catchup=Catchup(CatchupPolicy.ALL, 3600.0))) as made:
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()

        assert len(made.of(SlotFired)) == 1
        (skipped,) = made.of(SlotSkipped)
        assert skipped.earlier == 13


# --- deploys, pauses, clocks -----------------------------------------------------------------------------------------


async def test_a_job_by_hand_is_no_first_sight(tmp_path: Path) -> None:
    catchup = Catchup(CatchupPolicy.ALL, 86_400.0)
    async with opened(tmp_path, every(catchup=catchup), seen=False) as made:
        timetable = made.stage.store.timetable
        schedule, now = made.catalog.schedules["report"], (await timetable.states()).now
        by_hand = slot_job(made.catalog, schedule, Slot(now))
        await timetable.fire_by_hand(Firing("report", schedule.timing.text, Overlap.ALLOW, now, now, [by_hand]))
        await made.at(timedelta(hours=2, minutes=5))
        await made.scheduler.tick()
        await made.scheduler.tick()

        assert [each["ts"] for each in await made.payloads()] == [slot_text(now)]


async def test_who_was_frozen_since_he_read_the_time_fires_nothing_by_it(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:
        timetable = made.stage.store.timetable
        fire = timetable.fire
        await made.at(timedelta(seconds=5))

        async def frozen(runner: int, firing: Firing) -> Any:
            made.stage.advance(3 * 3600)
            return await fire(runner, firing)

        timetable.fire = frozen
        await made.scheduler.tick()
        timetable.fire = fire
        assert await made.jobs() == []
        await made.scheduler.tick()
        assert [event.missed for event in made.of(SlotsMissed)] == [12]


async def test_a_changed_timing_holds_from_its_first_look_on_and_makes_nothing_up(tmp_path: Path) -> None:
    catchup = Catchup(CatchupPolicy.ALL, 86_400.0)
    async with opened(tmp_path, every(catchup=catchup)) as made:
        changed = made.deployed(every(300.0, catchup=catchup, overlap=Overlap.ALLOW))
        await made.at(timedelta(seconds=2))
        await changed.scheduler.tick()
        assert await made.jobs() == []

        quarter = await made.at(timedelta(seconds=-299))
        await changed.scheduler.tick()
        assert [each["ts"] for each in await made.payloads()] == [
            slot_text(quarter - timedelta(minutes=minutes)) for minutes in (10, 5)
        ]


async def test_another_payload_changes_the_next_slot_and_nothing_else(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:
        slot = await made.at(timedelta(seconds=5))
        await made.deployed(every(payload={"n": 2})).scheduler.tick()

        assert await made.payloads() == [{"n": 2, "ts": slot_text(slot), "backfilled": False}]


async def test_a_schedule_that_is_gone_adds_nothing_and_begins_anew_when_it_comes_back(tmp_path: Path) -> None:
    catchup = Catchup(CatchupPolicy.ALL, 86_400.0)
    async with opened(tmp_path, every(catchup=catchup), every(name="stays")) as made:
        await made.deployed(every(name="stays")).scheduler.tick()
        assert set((await made.stage.store.timetable.states()).states) == {"stays"}
        await made.at(timedelta(minutes=5))
        await made.scheduler.tick()

        assert [job.schedule for job in await made.jobs()] == []
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        assert [job.schedule for job in await made.jobs()] == ["report", "stays"]


async def test_a_runner_whose_config_is_not_in_force_fires_nothing_and_looks_again_soon(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:
        newer = await made.stage.runner("work", config="newer")
        await made.at(timedelta(seconds=5))
        assert await made.scheduler.tick() == NOT_IN_FORCE
        assert await made.jobs() == []

        await made.stage.store.leave(newer)
        await made.scheduler.tick()
        assert len(await made.jobs()) == 1


async def test_a_paused_schedule_makes_up_nothing_when_it_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path, every(catchup=Catchup(CatchupPolicy.ALL, 86_400.0))) as made:
        await made.stage.store.timetable.pause("report", "", "")
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        await made.stage.store.timetable.resume("report")
        await made.scheduler.tick()
        assert await made.jobs() == []

        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        assert len(await made.jobs()) == 1


async def test_a_line_that_changes_during_a_pause_loses_no_slot_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path, every()) as made:
        await made.stage.store.timetable.pause("report", "", "")
        changed = made.deployed(every(300.0))
        await changed.scheduler.tick()
        await made.stage.store.timetable.resume("report")
        slot = await made.at(timedelta(seconds=-295))
        await changed.scheduler.tick()

        assert [each["ts"] for each in await made.payloads()] == [slot_text(slot - timedelta(seconds=300))]


async def test_a_slot_that_was_asked_for_by_hand_during_a_pause_is_let_go_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.QUEUE)) as made:
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        timetable, running = made.stage.store.timetable, await made.stage.claim_one(made.runner)
        await timetable.pause("report", "", "")
        schedule, now = made.catalog.schedules["report"], (await timetable.states()).now
        by_hand = slot_job(made.catalog, schedule, Slot(now))
        await timetable.fire_by_hand(Firing("report", schedule.timing.text, Overlap.QUEUE, now, now, [by_hand]))
        await made.stage.end(made.runner, running)
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()

        assert [each["ts"] for each in await made.payloads()][1:] == [slot_text(now)]


async def test_a_schedule_that_somebody_holds_up_is_looked_at_last_the_next_time(tmp_path: Path) -> None:
    async with opened(tmp_path, every(name="held"), every(name="fine")) as made:
        timetable, held = made.stage.store.timetable, ["held"]
        fire = timetable.fire

        async def busy(runner: int, firing: Firing) -> Any:
            if firing.schedule in held:
                raise StoreBusy("somebody holds a job of it")
            return await fire(runner, firing)

        timetable.fire = busy
        await made.at(timedelta(seconds=5))
        for _ in range(2):
            with pytest.raises(StoreBusy):
                await made.scheduler.tick()
        assert [job.schedule for job in await made.jobs()] == ["fine"]

        held.clear()
        await made.scheduler.tick()
        assert [job.schedule for job in await made.jobs()] == ["fine", "held"]


async def test_a_clock_that_jumps_and_comes_back_repeats_no_slot_and_loses_none_that_is_to_come(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.ALLOW)) as made:
        first = await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        made.stage.advance(3 * 3600 + 300, wall_only=True)
        await made.scheduler.tick()
        assert [event.missed for event in made.of(SlotsMissed)] == [12]

        made.stage.advance(-(3 * 3600 + 300), wall_only=True)
        await made.scheduler.tick()
        second = await made.at(timedelta(seconds=5))
        await made.scheduler.tick()

        assert second == first + QUARTER
        assert [each["ts"] for each in await made.payloads()] == [slot_text(first), slot_text(second)]


async def test_a_clock_that_is_set_back_over_a_slot_does_not_fire_it_again(tmp_path: Path) -> None:
    async with opened(tmp_path, every(overlap=Overlap.ALLOW)) as made:
        await made.at(timedelta(seconds=5))
        await made.scheduler.tick()
        made.stage.advance(-600, wall_only=True)
        await made.scheduler.tick()
        made.stage.advance(600, wall_only=True)
        await made.scheduler.tick()

        assert len(await made.jobs()) == 1

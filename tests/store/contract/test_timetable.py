"""Slots of schedules: each is decided about once; pauses, and firing by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kongflow.core.schedule import DecidedSlot, Overlap, Slot
from kongflow.core.task import JobKeyMode
from kongflow.store.timetable import Firing, SlotJob
from tests.store.firing import MINUTE, Desk, desk, told
from tests.store.stage import RETRIED, Stage, new

pytestmark = pytest.mark.anyio


async def test_a_schedule_is_seen_first_and_its_slots_add_jobs_then(stage: Stage) -> None:
    first = Desk(stage, await stage.runner("work"))
    assert (await first.look()).states == {}
    assert (await first.look()).in_force
    assert await first.fire() == []
    assert list((await first.look()).states) == ["nightly"]

    assert await first.next_slot() == "added"
    (job,) = await first.jobs()
    assert (job.schedule, job.task, job.state) == ("nightly", "work", "ready")
    assert (await stage.store.timetable.views())[0].last == DecidedSlot(Slot(first.slots[0]), "added", job.id)


async def test_a_look_says_what_became_of_the_last_job(stage: Stage) -> None:
    looking = await desk(stage)

    async def last_job() -> str | None:
        (view,) = await stage.store.timetable.views()
        return view.last_job

    assert await last_job() is None
    await looking.next_slot()
    assert await last_job() == "ready"
    await stage.end(looking.runner, await stage.claim_one(looking.runner), RETRIED)
    assert await last_job() == "retrying"
    await looking.next_slot()
    await stage.end(looking.runner, await stage.claim_one(looking.runner))
    assert await last_job() == "succeeded"


async def test_of_many_who_fire_what_they_have_seen_one_decides(stage: Stage) -> None:
    seen = await desk(stage)
    stores = [stage.store] + [await stage.another() for _ in range(4)]
    desks = [Desk(replace_store(stage, store), seen.runner, read=await seen.look()) for store in stores]

    decided = await asyncio.gather(*(each.fire(each.read.now) for each in desks if each.read))

    assert sorted(len(each or ()) for each in decided) == [0, 0, 0, 0, 1]
    assert len(await seen.jobs()) == 1


def replace_store(stage: Stage, store: object) -> Stage:
    return replace(stage, store=store)


async def test_who_has_seen_an_older_state_decides_nothing(stage: Stage) -> None:
    one, other = await desk(stage), Desk(stage, await stage.runner("work", pid=2))
    now = (await other.look()).now
    assert await one.fire(now)

    assert await other.fire(now + timedelta(milliseconds=1)) is None
    assert len(await one.jobs()) == 1


async def test_a_schedule_that_two_see_for_the_first_time_begins_once(stage: Stage) -> None:
    one, other = [Desk(stage, await stage.runner("work", pid=pid)) for pid in (1, 2)]
    for each in (one, other):
        await each.look()

    assert await one.fire() == []
    assert await other.fire() is None


async def test_a_slot_that_was_decided_about_adds_nothing_again_whatever_the_clock_says(stage: Stage) -> None:
    clock = await desk(stage, "allow")
    assert await clock.next_slot() == "added"
    at = clock.slots[0]
    stage.advance(-50, wall_only=True)

    await clock.look()
    assert await clock.fire() == []
    await clock.look()
    decided = await clock.fire(at, at + MINUTE)
    assert [(each.slot.at, each.outcome) for each in decided or ()] == [(at + MINUTE, "added")]
    assert len(await clock.jobs()) == 2


async def test_only_runners_of_the_config_in_force_fire(stage: Stage) -> None:
    older = await desk(stage, config="older")
    newer = Desk(stage, await stage.runner("work", config="newer"))
    assert [(await each.look()).in_force for each in (older, newer)] == [False, True]

    assert await older.fire(older.read.now) is None
    assert await newer.fire() == []
    await stage.store.leave(newer.runner)
    assert (await older.look()).in_force
    assert await older.next_slot() == "added"


async def test_who_only_works_off_what_is_there_takes_no_schedules_from_others(stage: Stage) -> None:
    ticking = await desk(stage, config="ticking")
    once = Desk(stage, await stage.runner("work", config="once", ticks=False))

    assert [(await each.look()).in_force for each in (ticking, once)] == [True, False]
    assert await ticking.next_slot() == "added"


async def test_who_has_left_or_is_called_dead_fires_nothing(stage: Stage) -> None:
    older, newer = await desk(stage, config="older"), Desk(stage, await stage.runner("work", config="newer"))
    await newer.look()
    await newer.fire()
    await stage.store.leave(newer.runner)

    read = await newer.look()
    assert not read.in_force
    assert await newer.fire(read.now) is None
    assert await older.next_slot() == "added"


async def test_another_timing_is_written_with_the_time_from_which_it_holds(stage: Stage) -> None:
    changing = await desk(stage)
    stage.advance(30)
    now = (await changing.look()).now

    assert await changing.fire(timing="every 5m") == []
    state = (await changing.look()).states["nightly"]
    assert (state.timing, state.decided_up_to) == ("every 5m", now)


async def test_schedules_that_a_config_has_no_more_are_forgotten_and_begin_anew(stage: Stage) -> None:
    gone = await desk(stage)
    kept = Desk(stage, gone.runner, name="kept")
    await kept.fire()
    old = Desk(stage, await stage.runner("work", config="other"))
    await stage.store.timetable.forget(gone.runner, ["kept"])
    assert set((await old.look()).states) == {"kept", "nightly"}

    await stage.store.timetable.forget(old.runner, ["kept"])
    assert set((await old.look()).states) == {"kept"}
    assert await old.fire() == []


async def test_a_slot_that_waits_is_given_up_with_its_schedule(stage: Stage) -> None:
    waiting = await desk(stage, "queue")
    await waiting.next_slot()
    await stage.claim_one(waiting.runner)
    await waiting.next_slot()
    await stage.store.timetable.forget(waiting.runner, [])

    assert await waiting.fire() == []
    view = (await stage.store.timetable.views())[0]
    assert view.last is not None
    assert told(view.last) == "skipped: the schedule was removed while it waited"
    assert (await waiting.look()).states["nightly"].waiting is None


async def test_a_slot_without_a_job_says_why(stage: Stage) -> None:
    failing = await desk(stage)
    stage.advance(60)
    now = (await failing.look()).now

    decided = await failing.fire(SlotJob(Slot(now), None, trouble="the payload does not fit"), now + MINUTE)

    assert list(map(told, decided or ())) == ["failed: the payload does not fit", "added"]
    assert len(await failing.jobs()) == 1


async def test_a_job_of_a_slot_is_all_that_was_asked_for(stage: Stage) -> None:
    asking = await desk(stage, queues={"mail": 1})
    fields = {"queue": "mail", "rule": "mail", "priority": -5, "max_attempts": 3, "flags": ("a", "b"), "tags": ("t",)}
    payload = '{"text":"\\u0041 \\"ü\\""}'

    assert await asking.next_slot(new("work", payload, key="k", mode="preserve_run_at", **fields)) == "added"

    (job,) = await asking.jobs()
    assert job.payload == {"text": 'A "ü"'}
    assert (job.queue, job.priority, job.max_attempts, job.key) == ("mail", -5, 3, "k")
    assert (job.flags, job.tags) == (("a", "b"), ("t",))


async def test_a_job_key_holds_for_slots_as_for_any_call(stage: Stage) -> None:
    keyed = await desk(stage, overlap="allow")
    assert await keyed.next_slot(new(key="k", mode=JobKeyMode.REPLACE)) == "added"
    assert await keyed.next_slot(new(key="k", mode=JobKeyMode.REPLACE)) == "added"
    assert await keyed.next_slot(new(key="k", mode=JobKeyMode.UNSAFE_DEDUPE)) == "skipped: job 1 has its key"

    (job,) = await keyed.jobs()
    assert job.schedule == "nightly"
    view = (await stage.store.timetable.views())[0]
    assert view.last is not None
    assert (view.last.job, view.unfinished) == (job.id, (job.id,))


# --- pauses, and by hand ---------------------------------------------------------------------------------------------


async def test_a_paused_schedule_adds_nothing_and_its_slots_are_over_when_it_goes_on(stage: Stage) -> None:
    pausing, timetable = await desk(stage), stage.store.timetable
    await timetable.pause("nightly", "moving house", "ana")
    stage.advance(60)
    states = await pausing.look()
    assert states.states["nightly"].paused
    assert await pausing.fire(states.now) is None
    (view,) = await timetable.views()
    assert view.pause is not None
    assert (view.pause.reason, view.pause.author) == ("moving house", "ana")

    assert await timetable.resume("nightly")
    assert not await timetable.resume("nightly")
    resumed = (await pausing.look()).states["nightly"]
    assert (resumed.paused, resumed.decided_up_to >= states.now) == (False, True)
    assert await pausing.next_slot() == "added"


async def test_a_pause_that_comes_between_a_look_and_the_firing_holds(stage: Stage) -> None:
    pausing = await desk(stage)
    now = (await pausing.look()).now
    await stage.store.timetable.pause("nightly", "", "")

    assert await pausing.fire(now) is None
    assert await pausing.jobs() == []


async def test_a_pause_gives_up_the_slot_that_waits(stage: Stage) -> None:
    pausing = await desk(stage, "queue")
    await pausing.next_slot()
    await stage.claim_one(pausing.runner)
    await pausing.next_slot()

    await stage.store.timetable.pause("nightly", "", "")
    (view,) = await stage.store.timetable.views()
    assert view.state is not None
    assert view.state.waiting is None
    assert view.last is not None
    assert told(view.last) == "skipped: the schedule was paused while it waited"


async def test_what_nobody_has_seen_can_be_paused_too(stage: Stage) -> None:
    await stage.store.timetable.pause("later", "not yet", "ana")
    (view,) = await stage.store.timetable.views()

    assert (view.name, view.state, view.last, view.unfinished) == ("later", None, None, ())
    seeing = Desk(stage, await stage.runner("work"), name="later")
    assert await seeing.fire() == []
    assert (await seeing.look()).states["later"].paused


async def test_by_hand_a_slot_goes_the_way_of_all_others_but_for_a_pause(stage: Stage) -> None:
    timed, timetable = await desk(stage), stage.store.timetable
    before = (await timed.look()).states["nightly"].decided_up_to
    await timetable.pause("nightly", "", "")
    now = (await timetable.states()).now

    def by_hand(at: datetime) -> Firing:
        return Firing("nightly", "every 1m", Overlap.SKIP, at, at, [SlotJob(Slot(at), new())])

    assert list(map(told, await timetable.fire_by_hand(by_hand(now)))) == ["added"]
    (job,) = await timed.jobs()
    assert job.schedule == "nightly"
    assert await timetable.fire_by_hand(by_hand(now)) == []
    (skipped,) = await timetable.fire_by_hand(by_hand(now + MINUTE))
    assert told(skipped) == f"skipped: job {job.id} has not ended"
    assert (await timetable.states()).states["nightly"].decided_up_to == before


async def test_by_hand_works_before_any_runner_has_come(stage: Stage) -> None:
    timetable = stage.store.timetable
    now = (await timetable.states()).now
    firing = Firing("nightly", "every 1m", Overlap.SKIP, now, now, [SlotJob(Slot(now), new())])

    assert list(map(told, await timetable.fire_by_hand(firing))) == ["added"]
    assert list((await timetable.states()).states) == ["nightly"]


async def test_the_time_is_that_of_the_stores_clock(stage: Stage) -> None:
    timetable = stage.store.timetable
    before = (await timetable.states()).now
    stage.advance(3600)

    now = await timetable.now()

    assert timedelta(hours=1) <= now - before <= (await timetable.states()).now - before
    assert now.microsecond % 1000 == 0


# --- keeping ---------------------------------------------------------------------------------------------------------


async def test_what_became_of_slots_is_forgotten_after_a_day_but_for_the_last(stage: Stage) -> None:
    kept = await desk(stage, "allow")
    for _ in range(3):
        await kept.next_slot()
    count = f"select count(*) from {stage.table('slot')}"
    await stage.store.prune(100)
    assert await stage.sql(count) == 3

    stage.advance(86_400)
    await stage.store.prune(100)
    assert await stage.sql(count) == 1
    (view,) = await stage.store.timetable.views()
    assert view.last is not None
    assert view.last.slot.at == kept.slots[2]
    await stage.store.timetable.forget(kept.runner, [])
    await stage.store.prune(100)
    assert await stage.sql(count) == 0

"""flow.schedules, on both stores: how schedules stand, when they run; running, pausing and resuming them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow import InvalidPayload, KongFlow, SyncKongFlow
from kongflow.core.job import JobState
from kongflow.core.schedule import SlotOutcome, slot_text
from kongflow.engine.schedules import Schedules, ScheduleStatus
from kongflow.errors import InvalidOption, NotInitialized, TemplateError, UnknownSchedule
from kongflow.sync import SyncSchedules
from tests.engine.waiting import until_async
from tests.project_folder import CONFIG, write_project

pytestmark = pytest.mark.anyio

SCHEDULES = """\
schedules:
  nightly: {cron: "30 2 * * *", timezone: Europe/Berlin, task: anything, payload: {at: << schedule.slot >>}}
  careful: {every: 12h, task: anything, overlap: queue}
  picky:
    cron: "0 0 29 2 *"
    task: greet
    payload: {name: << schedule.name >>, times: '<< 1 if schedule.slot[5:10] == "02-29" else "often" >>'}
  broken:
    cron: "0 0 29 2 *"
    task: anything
    payload: {part: '<< 1 // (1 if schedule.slot[5:10] == "02-29" else 0) >>'}
"""
DECLARED = ["broken", "careful", "nightly", "picky"]


@pytest.fixture
def project(project: Path) -> Path:
    write_project(project, CONFIG[: CONFIG.index("schedules:")] + SCHEDULES)
    return project


@pytest.fixture
async def flow(project: Path) -> AsyncIterator[KongFlow]:
    async with KongFlow.from_config() as flow:
        yield flow


async def one(flow: KongFlow, name: str) -> ScheduleStatus:
    (found,) = (each for each in await flow.schedules.list() if each.name == name)
    return found


def forget_declared(flow: KongFlow, *names: str) -> None:
    """As after a deploy that has no such schedules any more."""
    for name in names:
        del flow.catalog.schedules[name]


# --- looking ---------------------------------------------------------------------------------------------------------


async def test_every_declared_schedule_is_listed_before_any_runner_has_come(flow: KongFlow) -> None:
    listed = await flow.schedules.list()

    assert [each.name for each in listed] == DECLARED
    nightly = await one(flow, "nightly")
    assert nightly.declared is flow.catalog.schedules["nightly"]
    assert (nightly.effective, nightly.last_slot, nightly.waiting_slot) == (None, None, None)
    assert (nightly.unfinished, nightly.pause) == ((), None)
    assert nightly.next_slot in flow.schedules.next("nightly", 2)


async def test_the_next_slot_is_by_the_clock_of_the_store(flow: KongFlow) -> None:
    flow.store.advance(400 * 86_400)

    next_slot = (await one(flow, "nightly")).next_slot

    assert next_slot is not None
    assert next_slot - datetime.now(UTC) > timedelta(days=399)


async def test_a_schedule_that_only_the_database_knows_is_listed_as_not_declared(flow: KongFlow) -> None:
    job = (await flow.schedules.run("nightly")).job
    forget_declared(flow, "nightly")

    nightly = await one(flow, "nightly")

    assert (nightly.declared, nightly.next_slot, nightly.unfinished) == (None, None, (job,))
    assert nightly.effective is None


async def test_what_runners_go_by_is_the_timing_that_they_saw_last(flow: KongFlow) -> None:
    await flow.schedules.run("careful")
    assert (await one(flow, "careful")).effective is None
    async with flow.running():
        await until_async(lambda: seen(flow, "careful", "every 12h"))
        assert (await one(flow, "nightly")).effective == "30 2 * * * Europe/Berlin"


async def seen(flow: KongFlow, name: str, timing: str) -> bool:
    return (await one(flow, name)).effective == timing


async def test_who_only_looks_sees_them_and_changes_nothing(flow: KongFlow) -> None:
    looking = KongFlow(flow.catalog)
    await looking.initialize(looking=True)
    try:
        assert [each.name for each in await looking.schedules.list()] == DECLARED
        for write in (looking.schedules.run, looking.schedules.pause, looking.schedules.resume):
            with pytest.raises(NotInitialized, match="looking only"):
                await write("nightly")
    finally:
        await looking.stop()


# --- the next slots --------------------------------------------------------------------------------------------------


def test_the_next_slots_need_no_database(project: Path) -> None:
    flow = KongFlow.from_config()
    after = datetime(2027, 3, 27, tzinfo=UTC)

    slots = flow.schedules.next("nightly", 3, after)

    assert list(map(slot_text, slots)) == ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]
    assert len(flow.schedules.next("careful")) == 10
    assert flow.schedules.next("careful", 1)[0] > datetime.now(UTC)
    assert flow.schedules.next("nightly", after=after)[:3] == slots


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"count": 0}, "count is a whole number, 1 or more"),
        ({"count": 1001}, "from 1 to 1000"),
        ({"after": datetime(2027, 1, 1)}, "has no time zone"),
        ({"after": "2027-01-01T00:00:00Z"}, "after is an aware datetime"),
        ({"after": datetime(9999, 12, 31, tzinfo=UTC)}, "more than a hundred years away"),
    ],
)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # no store is asked
def test_what_can_never_be_meant_is_refused(project: Path, options: Any, problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        KongFlow.from_config().schedules.next("nightly", **options)


# --- by hand ---------------------------------------------------------------------------------------------------------


async def test_run_adds_the_job_of_a_slot_that_is_now(flow: KongFlow) -> None:
    decided = await flow.schedules.run("nightly")

    assert decided.outcome is SlotOutcome.ADDED
    assert decided.job is not None
    job = await flow.get(decided.job)
    assert (job.task, job.schedule, job.state) == ("anything", "nightly", JobState.READY)
    assert job.payload == {"at": slot_text(decided.slot.at)}
    listed = await one(flow, "nightly")
    assert (listed.last_slot, listed.unfinished) == (decided, (decided.job,))


async def test_run_goes_the_way_of_every_slot_where_a_job_has_not_ended(flow: KongFlow) -> None:
    first, second = [await flow.schedules.run("nightly") for _ in range(2)]
    assert (second.outcome, second.job) == (SlotOutcome.SKIPPED, None)
    assert second.note == f"job {first.job} has not ended"

    first, second = [await flow.schedules.run("careful") for _ in range(2)]
    assert (second.outcome, second.note) == (SlotOutcome.WAITING, f"for the end of job {first.job}")
    assert (await one(flow, "careful")).waiting_slot == second.slot


async def test_run_works_while_the_schedule_is_paused(flow: KongFlow) -> None:
    await flow.schedules.pause("nightly")

    assert (await flow.schedules.run("nightly")).outcome is SlotOutcome.ADDED


async def test_run_wakes_the_runners_of_this_process(flow: KongFlow) -> None:
    async with flow.running():
        decided = await flow.schedules.run("nightly")
        assert decided.job is not None
        assert (await flow.wait(decided.job, timeout=30)).state is JobState.SUCCEEDED


async def test_a_job_that_cannot_be_made_is_the_callers_error_and_no_slot(flow: KongFlow) -> None:
    with pytest.raises(InvalidPayload, match="times"):
        await flow.schedules.run("picky")
    with pytest.raises(TemplateError):
        await flow.schedules.run("broken")

    assert [each.last_slot for each in await flow.schedules.list()] == [None] * len(DECLARED)


async def test_a_millisecond_that_another_slot_has_taken_is_passed_over(
    flow: KongFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await flow.schedules.run("careful")
    now, asked = flow.store.timetable.now, []

    async def a_little_ago() -> datetime:
        asked.append(1)
        return first.slot.at if len(asked) < 3 else await now()

    monkeypatch.setattr(flow.store.timetable, "now", a_little_ago)

    assert (await flow.schedules.run("careful")).slot.at > first.slot.at
    assert len(asked) == 3


# --- pauses ----------------------------------------------------------------------------------------------------------


async def test_a_pause_has_an_author_and_a_reason_until_it_is_resumed(flow: KongFlow) -> None:
    await flow.schedules.pause("nightly", reason="moving house", author="ana")

    paused = await one(flow, "nightly")
    assert paused.pause is not None
    assert (paused.pause.reason, paused.pause.author, paused.next_slot) == ("moving house", "ana", None)
    assert (await flow.status()).paused_schedules == (paused.pause,)
    assert (await one(flow, "careful")).pause is None

    assert await flow.schedules.resume("nightly")
    assert not await flow.schedules.resume("nightly")
    resumed = await one(flow, "nightly")
    assert (resumed.pause, resumed.next_slot is not None) == (None, True)


async def test_what_a_person_remarks_is_kept_whatever_it_holds(flow: KongFlow) -> None:
    await flow.schedules.pause("nightly", reason="a\x00b", author="\ud800na")

    pause = {each.name: each for each in await flow.schedules.list()}["nightly"].pause
    assert pause is not None
    assert (pause.reason, pause.author) == ("a\\u0000b", "\\ud800na")


async def test_what_only_the_database_knows_can_be_paused_and_resumed_but_not_run(flow: KongFlow) -> None:
    await flow.schedules.run("nightly")
    forget_declared(flow, "nightly")

    await flow.schedules.pause("nightly", reason="gone soon")
    assert (await one(flow, "nightly")).pause is not None
    assert await flow.schedules.resume("nightly")
    for ask in (flow.schedules.run, flow.schedules.next):
        with pytest.raises(UnknownSchedule, match=r"no schedule 'nightly' is declared in .*kongflow.yaml"):
            await ask("nightly")


async def test_a_name_that_nobody_knows_gets_the_nearest(flow: KongFlow) -> None:
    for ask in (flow.schedules.run, flow.schedules.pause, flow.schedules.resume):
        with pytest.raises(UnknownSchedule, match="did you mean 'nightly'"):
            await ask("nigthly")
        with pytest.raises(InvalidOption, match="a schedule is text"):
            await ask(7)


# --- the synchronous twin --------------------------------------------------------------------------------------------


def test_the_twin_has_the_same_names_and_parameters() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if not name.startswith("_")
        }

    assert public(SyncSchedules) == public(Schedules)


def test_every_call_of_the_twin_is_a_plain_one(sync_flow: SyncKongFlow) -> None:
    schedules = sync_flow.schedules

    decided = schedules.run("nightly")
    schedules.pause("nightly", reason="moving house", author="ana")

    (nightly,) = (each for each in schedules.list() if each.pause is not None)
    assert (nightly.name, nightly.last_slot) == ("nightly", decided)
    assert schedules.resume("nightly")
    assert len(schedules.next("nightly", 2)) == 2


def test_the_twin_says_how_to_connect_it(project: Path) -> None:
    flow = SyncKongFlow.from_config()

    assert len(flow.schedules.next("nightly", 2)) == 2
    with pytest.raises(NotInitialized, match=r"flow\.initialize\(\)"):
        flow.schedules.list()

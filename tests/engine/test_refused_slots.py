"""Slots whose jobs cannot be made or are not taken: the others go on, and so do the next ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.schedule import EPOCH, SlotOutcome, slot_text
from kongflow.engine.events import PartFailed
from kongflow.engine.slot_events import SlotFailed
from tests.engine.clockwork import make_schedule, open_clockwork
from tests.engine.waiting import until_async

pytestmark = pytest.mark.anyio

OFTEN = 0.2
MINUTE = timedelta(minutes=1)


async def nothing(payload: Any) -> None: ...


TASKS = {"work": {"run": nothing}, "refused": {"run": nothing}}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "payload",
    [
        {"ts": 7},
        {"ts": "<< 1 // 0 >>"},
        {"ts": "<< schedule.no_such_name >>"},
        {"ts": "<< '%c' | format(0) >>"},
        {"ts": "<< '\\ud800' >>"},
        {"<< schedule.name >>": {"deep": "<< '\\ud800' * 5000 >>"}},
    ],
)
async def test_a_payload_that_does_not_fit_is_the_failure_of_its_slots_alone(
    tmp_path: Path, payload: dict[str, Any]
) -> None:
    schedules = make_schedule("broken", OFTEN, payload=payload), make_schedule("sound", OFTEN)
    async with open_clockwork(tmp_path, TASKS, *schedules) as clockwork:
        await clockwork.start()
        broken = await clockwork.until_decided("broken", 3)
        await clockwork.until_decided("sound", 3)
        await clockwork.stop()
        (site,) = clockwork.sites

        assert {each.outcome for each in broken} == {SlotOutcome.FAILED}
        assert all(each.note for each in broken)
        assert {job.schedule for job in await clockwork.jobs()} == {"sound"}
        assert {told.schedule for told in site.of(SlotFailed)} == {"broken"}
        assert site.of(PartFailed) == []


REFUSING = {
    "sqlite": (
        "create trigger refuse before insert on kongflow_job when new.task = 'refused' "
        "begin select raise(abort, 'not this one'); end",
    ),
    "postgresql": (
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$",
        "create trigger refuse before insert on kongflow.job for each row when (new.task = 'refused') "
        "execute function refuse()",
    ),
}
ALLOWING = {"sqlite": "drop trigger refuse", "postgresql": "drop trigger refuse on kongflow.job"}


async def test_a_schedule_whose_jobs_the_database_refuses_fires_again_when_it_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kongflow.engine.scheduler.REFUSED_AGAIN", OFTEN)
    schedules = make_schedule("a_refused", OFTEN, task="refused"), make_schedule("sound", OFTEN)
    async with open_clockwork(tmp_path, TASKS, *schedules) as clockwork:
        async with clockwork.store.transaction() as connection:
            for statement in REFUSING[connection.dialect.name]:
                await connection.exec_driver_sql(statement)
        await clockwork.start()
        await clockwork.until_decided("sound", 5)
        assert await clockwork.decided("a_refused") == []

        async with clockwork.store.transaction() as connection:
            await connection.execute(text(ALLOWING[connection.dialect.name]))
        refused = await clockwork.until_decided("a_refused", 8)
        await clockwork.stop()
        (site,) = clockwork.sites
        said = [told.error for told in site.of(PartFailed)]
        jobs = await clockwork.jobs("a_refused")

    assert len(said) == 1
    assert "a_refused" in said[0]
    assert {each.outcome for each in refused} == {SlotOutcome.ADDED}
    slots = [each.slot.at for each in refused]
    assert slots == [slots[0] + n * timedelta(seconds=OFTEN) for n in range(len(slots))]
    assert [job.payload["ts"] for job in jobs][: len(slots)] == list(map(slot_text, slots))


async def test_two_schedules_of_one_key_share_the_job_that_waits(tmp_path: Path) -> None:
    tasks = {"work": {"run": nothing, "job_key": "one", "queue": "one"}}
    schedules = make_schedule("first", OFTEN), make_schedule("second", OFTEN)
    async with open_clockwork(tmp_path, tasks, *schedules) as clockwork:
        await clockwork.store.pause("one", "", "")
        await clockwork.start()
        decided = [*await clockwork.until_decided("first", 4), *await clockwork.until_decided("second", 4)]
        await clockwork.stop()
        (job,) = await clockwork.jobs()

    assert {(each.outcome, each.job) for each in decided} == {(SlotOutcome.ADDED, job.id)}


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_many_schedules_of_one_minute_all_fire(tmp_path: Path) -> None:
    names = {f"s{n}" for n in range(150)}
    schedules = [make_schedule(name, 60.0) for name in sorted(names)]
    async with open_clockwork(tmp_path, TASKS, *schedules, runners=2) as clockwork:
        await clockwork.start()
        await clockwork.seen(*names)
        await clockwork.stop()
        now = await clockwork.now()
        slot = now - (now - EPOCH) % MINUTE + MINUTE
        clockwork.advance((slot - now).total_seconds())
        await clockwork.start()

        async def all_fired() -> bool:
            return {each.schedule for each in await clockwork.decided() if each.slot.at == slot} == names

        await until_async(all_fired)
        await clockwork.stop()
        made = [(job.schedule, job.payload["ts"]) for job in await clockwork.jobs()]

    assert len(made) == len(set(made))
    assert {name for name, ts in made if ts == slot_text(slot)} == names

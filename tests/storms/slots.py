"""What came of the slots of schedules: as the database has written it down, and as the jobs tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from kongflow.core.job import Job
from kongflow.core.schedule import Slot, SlotOutcome, slot_text
from kongflow.store.base import Store
from kongflow.store.instants import to_instant
from tests.storms.arena import all_jobs

OUTCOMES = {
    "sqlite": "select schedule, at, backfilled, outcome, job, note from kongflow_slot order by at, schedule",
    "postgresql": "select schedule, at, backfilled, outcome, job, note from kongflow.slot order by at, schedule",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one slot of a schedule."""

    schedule: str
    slot: Slot
    outcome: SlotOutcome
    job: str | None
    note: str

    @property
    def n(self) -> str:
        """The number of its job in the ledger: `n: "<< schedule.name >> << schedule.slot >>"`."""
        return f"{self.schedule} {slot_text(self.slot.at)}"


async def decided_slots(store: Store) -> list[Decided]:
    """Return what the database says of every slot, oldest first."""
    async with store.transaction() as connection:
        rows = await connection.execute(text(OUTCOMES[connection.dialect.name]))
        return [
            Decided(
                schedule,
                Slot(to_instant(at), bool(backfilled)),
                SlotOutcome(outcome),
                None if job is None else str(job),
                note or "",
            )
            for schedule, at, backfilled, outcome, job, note in rows
        ]


async def scheduled_jobs(store: Store) -> list[Job]:
    """Return the jobs that schedules have added, oldest first."""
    added = [job for job in await all_jobs(store) if job.schedule is not None]
    return sorted(added, key=lambda job: int(job.id))


async def pause_all(store: Store) -> None:
    """Let no schedule add anything more."""
    for name in (await store.timetable.states()).states:
        await store.timetable.pause(name, "the storm is over", "storm")


def whole(first: datetime, last: datetime, period: timedelta) -> Iterator[datetime]:
    """Yield the slots from one to another: none is missing."""
    while first <= last:
        yield first
        first += period


def judge_slots(decided: Sequence[Decided], jobs: Sequence[Job], periods: dict[str, timedelta]) -> list[str]:
    """Return every broken promise, in words: each slot between the first and the last of a schedule that lets its jobs
    overlap was decided about, and has one job, which says of which slot it is.
    """
    broken = []
    counted = Counter((job.schedule, job.payload["ts"]) for job in jobs)
    broken += [f"{name} has {count} jobs for {ts}" for (name, ts), count in counted.items() if count > 1]
    made = {(job.schedule, job.payload["ts"]): job.id for job in jobs}
    for name, period in periods.items():
        of_schedule = [each for each in decided if each.schedule == name]
        slots = [each.slot.at for each in of_schedule]
        if slots:
            epoch = to_instant(0)
            broken += [f"{name} has no slot at {slot_text(at)}" for at in slots if (at - epoch) % period]
            missing = set(whole(slots[0], slots[-1], period)) - set(slots)
            broken += [f"{name} missed its slot at {slot_text(at)}" for at in sorted(missing)]
        for each in of_schedule:
            job = made.pop((name, slot_text(each.slot.at)), None)
            if each.outcome is not SlotOutcome.ADDED or job is None or job != each.job:
                broken.append(f"{each.n} was {each.outcome}, with job {each.job} ({each.note}); its job is {job}")
    return broken + [f"{name} has job {job} for {ts}, which is no slot" for (name, ts), job in made.items()]

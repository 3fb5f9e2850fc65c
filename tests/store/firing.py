"""A desk: a runner that fires one schedule, in the fewest words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kongflow.core.job import Job, NewJob
from kongflow.core.schedule import DecidedSlot, Overlap, Slot
from kongflow.store.records import JobFilter
from kongflow.store.timetable import Firing, ScheduleStates, SlotJob
from tests.store.stage import Stage, new

MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """A runner that fires one schedule, with the state as it was read last."""

    stage: Stage
    runner: int
    name: str = "nightly"
    overlap: str = "skip"
    read: ScheduleStates | None = None
    slots: list[datetime] = field(default_factory=list)

    async def look(self) -> ScheduleStates:
        self.read = await self.stage.store.timetable.states(self.runner)
        return self.read

    async def fire(self, *slots: SlotJob | datetime, timing: str = "every 1m") -> list[DecidedSlot] | None:
        """Fire with what was read last; without that, look first."""
        states = self.read or await self.look()
        firing = Firing(
            self.name,
            timing,
            Overlap(self.overlap),
            states.now,
            states.now,
            [slot if isinstance(slot, SlotJob) else SlotJob(Slot(slot), new()) for slot in slots],
            states.states.get(self.name),
        )
        self.read = None
        return await self.stage.store.timetable.fire(self.runner, firing)

    async def next_slot(self, job: NewJob | None = None, **fields: object) -> str:
        """Let a minute pass and fire the slot of now: what became of it, with the reason."""
        self.stage.advance(60)
        self.stage.renew(self.runner)
        now = (await self.look()).now
        self.slots.append(now)
        decided = await self.fire(SlotJob(Slot(now), job or new(**fields)))
        assert decided is not None
        (only,) = decided
        return told(only)

    async def let_go(self, job: NewJob | None = None) -> str:
        """Fire the slot that waits, if there is one that may go."""
        state = (await self.look()).states[self.name]
        assert state.waiting is not None
        decided = await self.fire(SlotJob(state.waiting, job or new(), waited=True))
        assert decided is not None
        return ", ".join(map(told, decided))

    async def jobs(self) -> list[Job]:
        return list(reversed((await self.stage.store.list_jobs(JobFilter(), 1000)).items))


def told(decided: DecidedSlot) -> str:
    return f"{decided.outcome}: {decided.note}" if decided.note else str(decided.outcome)


async def desk(stage: Stage, overlap: str = "skip", **runner: object) -> Desk:
    """A runner that has seen the schedule."""
    desk = Desk(stage, await stage.runner("work", **runner), overlap=overlap)
    assert await desk.fire() == []
    return desk

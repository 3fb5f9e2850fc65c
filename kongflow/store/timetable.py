"""Timetable: the part of a store's contract that schedules use. Each slot has one who decides about it, however many
try: what a firing writes, it writes in one transaction, jobs included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from kongflow.core.job import JobState, NewJob
from kongflow.core.schedule import DecidedSlot, Overlap, Slot, SlotOutcome
from kongflow.store.instants import to_instant
from kongflow.store.records import Pause
from kongflow.store.rows import Row, stored_state

MOST_AT_ONCE = 100
"""Jobs that one slot cancels, or that give way to it, in one transaction; and those that a view names."""

STALE = timedelta(seconds=10)
"""Who was frozen for longer since he read the time knows nothing of what is late now."""

Stored: TypeAlias = int | datetime
"""An instant as a dialect has it."""


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What is decided about a schedule."""

    timing: str
    decided_up_to: datetime
    waiting: Slot | None = None
    """The slot whose job is added when those of earlier slots have ended."""
    may_go: bool = False
    """They have."""
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleStates:
    """Every schedule that was seen, by name, at one moment. `now` is the store's clock, to the millisecond."""

    now: datetime
    in_force: bool
    """The runner may fire: its config came last among those with a living runner that fires schedules."""
    states: Mapping[str, ScheduleState]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule that was seen or paused, as people look at it."""

    name: str
    state: ScheduleState | None
    pause: Pause | None
    last: DecidedSlot | None
    """The last slot that was decided about."""
    last_job: JobState | None
    """The state of its job; None where it has none, or none is left."""
    unfinished: tuple[str, ...]
    """Ids of its jobs that have not ended, those that wait for a retry included; a hundred at most."""


@dataclass(frozen=True, slots=True)
class SlotJob:
    """A slot that is due, with the job to add; or why none can be made."""

    slot: Slot
    job: NewJob | None
    trouble: str | None = None
    waited: bool = False
    """It is the slot that waits already."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What is to be decided about one schedule: `slots`, oldest first, and that all up to `up_to` are decided about."""

    schedule: str
    timing: str
    overlap: Overlap
    up_to: datetime
    read: datetime
    """The time that the caller goes by, as it was read."""
    slots: Sequence[SlotJob] = ()
    seen: ScheduleState | None = None
    """As the caller has read it; None: it is seen for the first time."""


class Timetable(Protocol):
    """The schedules of one database."""

    async def now(self) -> datetime:
        """Return the time by the store's clock, to the millisecond."""
        ...

    async def states(self, runner: int | None = None) -> ScheduleStates:
        """Return what is decided about every schedule that was seen."""
        ...

    async def fire(self, runner: int, firing: Firing) -> list[DecidedSlot] | None:
        """Decide about slots: jobs are added as `Overlap` says, and say of which schedule they are. None, and nothing
        written, where the schedule is not as it was seen, is paused, the runner's config is not in force, or the time
        was read more than STALE ago. A slot that was decided about before is left out.
        """
        ...

    async def fire_by_hand(self, firing: Firing) -> list[DecidedSlot]:
        """As `fire`, for slots that somebody asks for: whatever is in force or paused; `up_to` means nothing."""
        ...

    async def forget(self, runner: int, but: Collection[str]) -> None:
        """Forget all schedules but these, if the runner's config is in force: seen again, they begin anew."""
        ...

    async def views(self) -> list[ScheduleView]:
        """Return every schedule that was seen or paused, by name."""
        ...

    async def pause(self, name: str, reason: str, author: str) -> None:
        """Let the slots of a schedule add nothing; one that waits is given up. Again: reason and author anew."""
        ...

    async def resume(self, name: str) -> bool:
        """Let its slots add jobs again, from now on; False where it was not paused."""
        ...


def state_of(
    timing: str, decided_up_to: Stored, waiting: Stored | None, backfilled: bool | None, paused: bool, may_go: bool
) -> ScheduleState:
    """Return the state of a row of a dialect."""
    return ScheduleState(timing, to_instant(decided_up_to), _slot(waiting, backfilled), bool(may_go), bool(paused))


def decided_of(at: Stored, backfilled: bool, outcome: str, job: int | None, note: str | None) -> DecidedSlot:
    """Return the decision of a row of a dialect."""
    slot = Slot(to_instant(at), bool(backfilled))
    return DecidedSlot(slot, SlotOutcome(outcome), None if job is None else str(job), note or "")


def view_of(row: Row) -> ScheduleView:
    """Return the view of a row of a dialect: name, state, pause, last slot, ids of unfinished jobs."""
    name, timing, decided_up_to, waiting, backfilled, reason, author, paused_at, *last = row
    *last, job_state, attempt, unfinished = last
    state = None
    if timing is not None:
        state = state_of(timing, decided_up_to, waiting, backfilled, paused_at is not None, may_go=False)
    return ScheduleView(
        name=name,
        state=state,
        pause=None if paused_at is None else Pause(name, reason, author, to_instant(paused_at)),
        last=None if last[0] is None else decided_of(*last),
        last_job=None if job_state is None else stored_state(job_state, attempt),
        unfinished=tuple(map(str, unfinished)),
    )


def _slot(at: Stored | None, backfilled: bool | None) -> Slot | None:
    return None if at is None else Slot(to_instant(at), bool(backfilled))

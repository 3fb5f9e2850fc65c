"""Schedules: what people ask of the schedules: how they stand, when they run; to run, pause and resume one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kongflow.core.catalog import Catalog
from kongflow.core.job import JobState
from kongflow.core.schedule import DecidedSlot, Schedule, Slot, coming_slots
from kongflow.core.spelling import did_you_mean
from kongflow.engine.arguments import MAX_LIMIT, moment, needed_text, positive, remark
from kongflow.engine.opened import Opened
from kongflow.engine.scheduler import made_job
from kongflow.errors import InvalidOption, UnknownSchedule
from kongflow.store.records import Pause
from kongflow.store.timetable import Firing, ScheduleView, SlotJob, Timetable


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """How one schedule stands."""

    name: str
    declared: Schedule | None
    """None where the configuration at hand has no such schedule: runners of another do, or did, or it is paused."""
    effective: str | None
    """The timing by which slots were decided about last; None where no runner has seen it yet."""
    next_slot: datetime | None
    """None where it is paused or not declared."""
    last_slot: DecidedSlot | None
    """The last one that was decided about."""
    last_job: JobState | None
    """The state of its job; None where it has none, or none is left."""
    waiting_slot: Slot | None
    """Its job is added when those of earlier slots have ended."""
    unfinished: tuple[str, ...]
    """Ids of its jobs that have not ended."""
    pause: Pause | None


class Schedules:
    """The schedules of one KongFlow."""

    def __init__(self, catalog: Catalog, timetable: Timetable, opened: Opened, wake: Callable[[], None]) -> None:
        self._catalog = catalog
        self._timetable = timetable
        self._opened = opened
        self._wake = wake

    async def list(self) -> tuple[ScheduleStatus, ...]:
        """Return every schedule that is declared, and those that only the database knows, by name."""
        self._opened.check()
        now = await self._timetable.now()
        views = {view.name: view for view in await self._timetable.views()}
        declared = self._catalog.schedules
        return tuple(_status(name, declared.get(name), views.get(name), now) for name in sorted({*declared, *views}))

    def next(self, name: str, count: int = 10, after: datetime | None = None) -> tuple[datetime, ...]:
        """Return the next slots of a declared schedule, in UTC: the first `count`, 1 to 1000, after an aware datetime,
        or from now on. Fewer where the calendar ends, in the year 9999. It needs no database.

        Raises: UnknownSchedule, InvalidOption.
        """
        return next_slots(self._catalog, name, count, after)

    async def run(self, name: str) -> DecidedSlot:
        """Let a declared schedule add its job now, as at a slot of its own: `overlap` holds, so that it may be skipped,
        or wait. A pause does not keep it from that, and its next slot comes when it would have come.

        Raises: UnknownSchedule; UnknownTask, TemplateError, InvalidPayload, UnknownQueue where its job cannot be made.
        """
        self._opened.check_may_write()
        schedule = self._catalog.schedule(needed_text("a schedule", name))
        decided: list[DecidedSlot] = []
        while not decided:  # at the very millisecond of another slot there is none left
            now = await self._timetable.now()
            job = SlotJob(Slot(now), made_job(self._catalog, schedule, Slot(now)))
            firing = Firing(schedule.name, schedule.timing.text, schedule.overlap, now, now, [job])
            decided = await self._timetable.fire_by_hand(firing)
        self._wake()
        return decided[0]

    async def pause(self, name: str, *, reason: str = "", author: str = "") -> None:
        """Let the slots of a schedule add nothing any more, in the whole cluster, until it is resumed; what it has
        added goes on, and a slot that waits is given up. Raises: UnknownSchedule.
        """
        self._opened.check_may_write()
        await self._check_known(name)
        await self._timetable.pause(name, remark("reason", reason), remark("author", author))

    async def resume(self, name: str) -> bool:
        """Let the slots of a paused schedule add jobs again, from now on; False where it was not paused.

        Raises: UnknownSchedule.
        """
        self._opened.check_may_write()
        await self._check_known(name)
        return await self._timetable.resume(name)

    async def _check_known(self, name: str) -> None:
        """Raises: UnknownSchedule, where it is neither declared nor in the database."""
        declared = self._catalog.schedules
        if needed_text("a schedule", name) in declared:
            return
        known = {view.name for view in await self._timetable.views()}
        if name not in known:
            near = did_you_mean(name, {*declared, *known})
            raise UnknownSchedule(
                f"no schedule {name!r} is declared{self._catalog.where}, nor does the database know one{near}"
            )


def next_slots(catalog: Catalog, name: str, count: int, after: datetime | None) -> tuple[datetime, ...]:
    """See Schedules.next."""
    schedule = catalog.schedule(needed_text("a schedule", name))
    if positive("count", count) > MAX_LIMIT:
        raise InvalidOption(f"count is a whole number from 1 to {MAX_LIMIT}, not {count}")
    return coming_slots(schedule, datetime.now(UTC) if after is None else moment("after", after), count)


def _status(name: str, declared: Schedule | None, view: ScheduleView | None, now: datetime) -> ScheduleStatus:
    next_slot = None if declared is None else next(iter(coming_slots(declared, now, 1)), None)
    if view is None:
        return ScheduleStatus(name, declared, None, next_slot, None, None, None, (), None)
    state = view.state
    return ScheduleStatus(
        name=name,
        declared=declared,
        effective=None if state is None else state.timing or None,
        next_slot=next_slot if view.pause is None else None,
        last_slot=view.last,
        last_job=view.last_job,
        waiting_slot=None if state is None else state.waiting,
        unfinished=view.unfinished,
        pause=view.pause,
    )

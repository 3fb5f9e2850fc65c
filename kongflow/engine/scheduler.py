"""Scheduler: fires the slots of schedules. Every runner of the config in force may; the store lets one decide."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from kongflow.core.catalog import Catalog
from kongflow.core.job import JobOptions, NewJob
from kongflow.core.json import printable
from kongflow.core.new_job import new_job
from kongflow.core.schedule import (
    MOST_COUNTED,
    DecidedSlot,
    Due,
    Overlap,
    Schedule,
    Slot,
    SlotOutcome,
    due,
    slot_payload,
    slot_text,
)
from kongflow.engine.events import Events, PartFailed
from kongflow.engine.outage import Outage
from kongflow.engine.slot_events import SlotsMissed, told
from kongflow.errors import KongFlowError, StoreBusy, StoreError, StoreUnavailable
from kongflow.store.base import Store
from kongflow.store.timetable import Firing, ScheduleState, SlotJob

MOST_AT_ONCE = 100
"""Slots of one schedule that are decided about in one transaction: a long outage makes no long transaction."""
LOOK_AGAIN = 10.0
"""Seconds after which a scheduler looks, whatever it believes: a clock may have been set, a slot asked for by hand."""
NOT_IN_FORCE = 5.0
"""Seconds between two looks of a runner whose config is not in force: it may come into force again."""
REFUSED_AGAIN = 5.0
"""Seconds until a schedule is tried again for which the database took no job."""
SET_BACK = timedelta(seconds=1)
"""So far ahead of the clock nobody has decided: it was set back. What was decided about is not decided again."""

LONGEST_TROUBLE = 2000
"""Characters that are kept of why a slot has no job."""


class Scheduler:
    """Fires the schedules of one runner's catalog, until cancelled. `wake`: a job was added, look at once."""

    def __init__(
        self, catalog: Catalog, store: Store, runner: int, outage: Outage, events: Events, wake: Callable[[], None]
    ) -> None:
        self._catalog = catalog
        self._timetable = store.timetable
        self._runner = runner
        self._outage = outage
        self._events = events
        self._wake = wake
        self._order = list(catalog.schedules)
        """Who waited for somebody's lock is looked at last."""
        self._next: dict[str, tuple[datetime, datetime]] = {}
        """Of each schedule the first slot after an instant."""
        self._refused: set[str] = set()
        """Schedules for which the database takes no job: each is told once."""

    async def run(self) -> None:
        """Look at each slot, and now and then in between."""
        while True:
            try:
                pause = await self.tick()
            except StoreError as error:
                pause = self._outage.failed("fire schedules", error)
            else:
                self._outage.worked("fire schedules")
            await asyncio.sleep(pause)

    async def tick(self) -> float:
        """Fire what is due, and return the seconds until there may be more to do. Raises: StoreError."""
        read = time.monotonic()
        states = await self._timetable.states(self._runner)
        if not states.in_force:
            return NOT_IN_FORCE
        schedules = self._catalog.schedules
        if not states.states.keys() <= schedules.keys():
            await self._timetable.forget(self._runner, schedules.keys())
        pause = LOOK_AGAIN
        for name in tuple(self._order):
            try:
                pause = min(pause, await self._look(schedules[name], states.states.get(name), states.now))
            except StoreBusy:
                # Each would wait as long. The others go first now: somebody may hold what this one alone needs.
                self._order.remove(name)
                self._order.append(name)
                raise
            except StoreUnavailable:
                raise
            except Exception as error:  # whatever it is, it does not keep the others from theirs
                pause = min(pause, REFUSED_AGAIN)
                self._tell_refused(name, error)
            else:
                self._refused.discard(name)
        return max(read + pause - time.monotonic(), 0.0)

    async def _look(self, schedule: Schedule, state: ScheduleState | None, now: datetime) -> float:
        """Fire one schedule if anything is due, and return the seconds after `now` until there may be more to do."""
        if state is None or state.timing != schedule.timing.text or state.decided_up_to > now + SET_BACK:
            # Seen for the first time, or changed, or the clock was set back: from now on.
            seen = await self._fire(schedule, state, Due((), now), now)
            return min(self._until_next(schedule, now, now), self._patience(waits=seen is None))
        nothing = Due((), state.decided_up_to)
        is_due = not state.paused and self._until_next(schedule, state.decided_up_to, now) == 0
        found = due(schedule, state.decided_up_to, now, MOST_AT_ONCE) if is_due else nothing
        if found == nothing and _freed(schedule, state) is None:
            since = now if state.paused else state.decided_up_to
            return min(self._until_next(schedule, since, now), self._patience(waits=state.waiting is not None))
        decided = await self._fire(schedule, state, found, now)
        if decided is None:
            return min(self._until_next(schedule, now, now), self._patience(waits=True))
        waits = any(each.outcome is SlotOutcome.WAITING for each in decided) or state.waiting is not None
        return min(self._until_next(schedule, found.up_to, now), self._patience(waits=waits))

    def _patience(self, *, waits: bool) -> float:
        """Return the seconds after which to look anyway. `waits`: for the jobs before a slot, or for somebody else who
        is about to decide.
        """
        return self._catalog.runner.poll_interval if waits else LOOK_AGAIN

    def _tell_refused(self, name: str, error: Exception) -> None:
        if name not in self._refused:
            self._refused.add(name)
            what = f"schedule {name} could not fire, and is tried again: {error}"
            trace = "" if isinstance(error, KongFlowError) else "".join(traceback.format_exception(error))
            self._events.emit(PartFailed("scheduler", what, trace))

    def _until_next(self, schedule: Schedule, since: datetime, now: datetime) -> float:
        """Return the seconds from `now` to the first slot after `since`; 0 where it has come."""
        known = self._next.get(schedule.name)
        if known is None or known[0] != since:
            known = self._next[schedule.name] = since, schedule.timing.after(since)
        return max((known[1] - now).total_seconds(), 0.0)

    async def _fire(
        self, schedule: Schedule, state: ScheduleState | None, found: Due, now: datetime
    ) -> Sequence[DecidedSlot] | None:
        """Let the store decide, and tell what became of the slots; None where somebody else has decided."""
        waiting = None if state is None else _freed(schedule, state)
        slots = [slot_job(self._catalog, schedule, slot) for slot in found.slots]
        if waiting is not None:
            slots.insert(0, slot_job(self._catalog, schedule, waiting, waited=True))
        firing = Firing(schedule.name, schedule.timing.text, schedule.overlap, found.up_to, now, slots, state)
        decided = await self._timetable.fire(self._runner, firing)
        if decided is None:
            return None
        if found.missed and state is not None:
            at_least = found.missed >= MOST_COUNTED
            self._events.emit(SlotsMissed(schedule.name, found.missed, at_least, slot_text(state.decided_up_to)))
        for event in told(schedule.name, decided):
            self._events.emit(event)
        if any(each.outcome is SlotOutcome.ADDED for each in decided):
            self._wake()
        return decided


def slot_job(catalog: Catalog, schedule: Schedule, slot: Slot, *, waited: bool = False) -> SlotJob:
    """Return a slot with the job that it adds, or with the reason why there is none."""
    try:
        job = made_job(catalog, schedule, slot)
    except Exception as error:  # whatever it is, it is this slot's failure
        text = str(error) if isinstance(error, KongFlowError) else f"{type(error).__name__}: {error}"
        return SlotJob(slot, None, printable(text)[:LONGEST_TROUBLE], waited)
    return SlotJob(slot, job, None, waited)


def made_job(catalog: Catalog, schedule: Schedule, slot: Slot) -> NewJob:
    """Return the job that a slot adds. Raises: UnknownTask, TemplateError, InvalidPayload, UnknownQueue."""
    schema = catalog.task(schedule.task).payload_schema
    return new_job(catalog, schedule.task, slot_payload(schedule, slot, schema), JobOptions())


def _freed(schedule: Schedule, state: ScheduleState) -> Slot | None:
    """Return the slot that waits and about which there is something to do, or None: it need not wait any longer, or
    there may be more to cancel.
    """
    return state.waiting if state.may_go or schedule.overlap in (Overlap.ALLOW, Overlap.CANCEL_RUNNING) else None

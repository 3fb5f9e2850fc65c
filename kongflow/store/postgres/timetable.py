"""PostgresTimetable: the contract of store/timetable.py on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from kongflow.core.job import NewJob
from kongflow.core.schedule import DecidedSlot, SlotOutcome
from kongflow.store.instants import to_instant
from kongflow.store.postgres.access import Access
from kongflow.store.rows import json_list
from kongflow.store.timetable import (
    Firing,
    ScheduleStates,
    ScheduleView,
    SlotJob,
    decided_of,
    state_of,
    view_of,
)


class PostgresTimetable:
    """The schedules of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def now(self) -> datetime:
        """See Timetable.now."""
        return to_instant(await self._access.value("now", shift=self._access.shift))

    async def states(self, runner: int | None = None) -> ScheduleStates:
        """See Timetable.states."""
        rows = await self._access.rows("schedule_states", runner=runner, shift=self._access.shift)
        now, in_force, *_ = rows[0]
        states = {name: state_of(*values) for _, _, name, *values in rows if name is not None}
        return ScheduleStates(to_instant(now), in_force, states)

    async def fire(self, runner: int, firing: Firing) -> list[DecidedSlot] | None:
        """See Timetable.fire."""
        return await self._fire(runner, firing)

    async def fire_by_hand(self, firing: Firing) -> list[DecidedSlot]:
        """See Timetable.fire_by_hand."""
        return await self._fire(None, firing) or []

    async def forget(self, runner: int, but: Collection[str]) -> None:
        """See Timetable.forget."""
        await self._access.count("forget_schedules", runner=runner, names=list(but))

    async def views(self) -> list[ScheduleView]:
        """See Timetable.views."""
        return [view_of(row) for row in await self._access.rows("schedule_views")]

    async def pause(self, name: str, reason: str, author: str) -> None:
        """See Timetable.pause."""
        await self._access.rows("pause_schedule", name=name, reason=reason, author=author, shift=self._access.shift)

    async def resume(self, name: str) -> bool:
        """See Timetable.resume."""
        resumed: bool = await self._access.value("resume_schedule", name=name, shift=self._access.shift)
        return resumed

    async def _fire(self, runner: int | None, firing: Firing) -> list[DecidedSlot] | None:
        rows = await self._access.rows(
            "fire",
            runner=runner,
            schedule=firing.schedule,
            timing=firing.timing,
            seen_timing=None if firing.seen is None else firing.seen.timing,
            seen=None if firing.seen is None else firing.seen.decided_up_to,
            up_to=firing.up_to,
            read=firing.read,
            overlap=firing.overlap,
            slots=json.dumps(list(map(_slot_json, firing.slots))),
            shift=self._access.shift,
        )
        if not rows:
            return None
        decided = [decided_of(*row) for row in rows[1:]]
        if any(each.outcome is SlotOutcome.ADDED for each in decided):
            self._access.wakeups.announce()
        return decided


def _slot_json(slot: SlotJob) -> dict[str, object]:
    return {
        "at": slot.slot.at.isoformat(),
        "backfilled": slot.slot.backfilled,
        "waited": slot.waited,
        "trouble": slot.trouble,
        "job": None if slot.job is None else _job_json(slot.job),
    }


def _job_json(job: NewJob) -> dict[str, object]:
    return {
        "task": job.task,
        "payload": job.payload,
        "queue": job.queue,
        "rule": job.rule,
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "key": job.job_key,
        "mode": job.job_key_mode,
        "flags": json_list(job.flags),
        "tags": json_list(job.tags),
    }

"""SqliteTimetable: the contract of store/timetable.py on SQLite."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.engine import Connection

from kongflow.core.job import NewJob, Reason
from kongflow.core.schedule import DecidedSlot, Overlap, Slot, SlotOutcome
from kongflow.core.task import JobKeyMode
from kongflow.store.instants import to_instant, to_millis
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.adding import add_jobs
from kongflow.store.sqlite.ending import cancel_waiting
from kongflow.store.sqlite.operating import cancel
from kongflow.store.sqlite.transaction import Transaction
from kongflow.store.timetable import (
    MOST_AT_ONCE,
    STALE,
    Firing,
    ScheduleState,
    ScheduleStates,
    ScheduleView,
    SlotJob,
    state_of,
    view_of,
)


class SqliteTimetable:
    """The schedules of one file."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def now(self) -> datetime:
        """See Timetable.now."""
        return await self._access.read(lambda connection: to_instant(self._access.reading(connection).now))

    async def states(self, runner: int | None = None) -> ScheduleStates:
        """See Timetable.states."""

        def work(connection: Connection) -> ScheduleStates:
            tx = self._access.reading(connection)
            states = {name: state_of(*values) for name, *values in tx.all("schedule_states", name=None)}
            return ScheduleStates(to_instant(tx.now), _is_in_force(tx, runner), states)

        return await self._access.read(work)

    async def fire(self, runner: int, firing: Firing) -> list[DecidedSlot] | None:
        """See Timetable.fire."""
        return await self._access.write(lambda tx: _fire(tx, runner, firing))

    async def fire_by_hand(self, firing: Firing) -> list[DecidedSlot]:
        """See Timetable.fire_by_hand."""

        def work(tx: Transaction) -> list[DecidedSlot]:
            # No timing: who fires by time has not seen it yet, and begins with the time of then.
            tx.run("see_schedule", name=firing.schedule, timing="", up_to=tx.now)
            return _decide(tx, firing)

        return await self._access.write(work)

    async def forget(self, runner: int, but: Collection[str]) -> None:
        """See Timetable.forget."""

        def work(tx: Transaction) -> None:
            if not _is_in_force(tx, runner):
                return
            for name, *_ in tx.all("schedule_states", name=None):
                if name not in but:
                    _give_up(tx, name, "the schedule was removed while it waited")
            tx.run("forget_schedules", names=json.dumps(list(but)))

        await self._access.write(work)

    async def views(self) -> list[ScheduleView]:
        """See Timetable.views."""
        return await self._access.read(lambda connection: schedule_views(self._access.reading(connection)))

    async def pause(self, name: str, reason: str, author: str) -> None:
        """See Timetable.pause."""

        def work(tx: Transaction) -> None:
            tx.run("pause_schedule", name=name, reason=reason, author=author, now=tx.now)
            _give_up(tx, name, "the schedule was paused while it waited")

        await self._access.write(work)

    async def resume(self, name: str) -> bool:
        """See Timetable.resume."""

        def work(tx: Transaction) -> bool:
            if not tx.run("resume_schedule", name=name):
                return False
            tx.run("decide_up_to", name=name, timing=None, up_to=tx.now)
            return True

        return await self._access.write(work)


def schedule_views(tx: Transaction) -> list[ScheduleView]:
    """See Timetable.views."""
    return [view_of([*row[:-1], json.loads(row[-1])]) for row in tx.all("schedule_views")]


def _fire(tx: Transaction, runner: int, firing: Firing) -> list[DecidedSlot] | None:
    if not _is_in_force(tx, runner) or firing.read < to_instant(tx.now) - STALE:
        return None
    up_to = to_millis(firing.up_to)
    if firing.seen is None:
        is_new = tx.run("see_schedule", name=firing.schedule, timing=firing.timing, up_to=up_to)
        return _decide(tx, firing) if is_new else None
    state, seen = _state(tx, firing.schedule), firing.seen
    if state is None or (state.timing, state.decided_up_to) != (seen.timing, seen.decided_up_to):
        return None
    if state.paused and not all(due.waited for due in firing.slots):
        return None
    tx.run("decide_up_to", name=firing.schedule, timing=firing.timing, up_to=up_to)
    return _decide(tx, firing)


def _decide(tx: Transaction, firing: Firing) -> list[DecidedSlot]:
    decided = [_decide_slot(tx, firing, each) for each in firing.slots]
    return [each for each in decided if each is not None]


def _decide_slot(tx: Transaction, firing: Firing, due: SlotJob) -> DecidedSlot | None:
    """Decide about one slot; None where it is decided about already, or waits on."""
    name, at, state = firing.schedule, to_millis(due.slot.at), _state(tx, firing.schedule)
    waiting = None if state is None else state.waiting
    if due.waited:
        if waiting != due.slot:
            return None
        waiting = None
    elif not tx.run("decide_slot", schedule=name, at=at, backfilled=int(due.slot.backfilled), now=tx.now):
        return None
    outcome, note = _outcome(firing.overlap, due, _in_the_way(tx, firing, due), waiting)
    if outcome is SlotOutcome.WAITING and due.waited:
        return None
    job: int | None = None
    if outcome is SlotOutcome.ADDED and due.job is not None:
        job, is_its = _add(tx, firing, due.job)
        if not is_its:
            outcome, note = SlotOutcome.SKIPPED, f"job {job} has its key"
    if outcome is SlotOutcome.WAITING:
        if waiting is not None:
            _write(tx, name, to_millis(waiting.at), SlotOutcome.SKIPPED, note="a newer slot came while it waited")
        tx.run("let_slot_wait", schedule=name, at=at, backfilled=int(due.slot.backfilled))
    elif due.waited:
        tx.run("let_slot_wait", schedule=name, at=None, backfilled=None)
    _write(tx, name, at, outcome, job, note)
    return DecidedSlot(due.slot, outcome, None if job is None else str(job), note)


def _outcome(overlap: Overlap, due: SlotJob, unfinished: list[int], waiting: Slot | None) -> tuple[SlotOutcome, str]:
    """Say what becomes of a slot beside jobs that have not ended, and another slot that waits; and why."""
    if due.job is None:
        return SlotOutcome.FAILED, due.trouble or ""
    if overlap is Overlap.ALLOW or (not unfinished and waiting is None):
        return SlotOutcome.ADDED, ""
    if due.waited or overlap is Overlap.CANCEL_RUNNING or (overlap is Overlap.QUEUE and waiting is None):
        return (
            SlotOutcome.WAITING,
            f"for the end of {_named(unfinished)}" if unfinished else "for a runner that adds it",
        )
    if waiting is not None:
        return SlotOutcome.SKIPPED, "an earlier slot waits"
    return SlotOutcome.SKIPPED, f"{_named(unfinished)} {'has' if len(unfinished) == 1 else 'have'} not ended"


def _in_the_way(tx: Transaction, firing: Firing, due: SlotJob) -> list[int]:
    """Return the jobs of earlier slots that a slot does not pass, after those are cancelled that it cancels."""
    if firing.overlap is Overlap.ALLOW:
        return []
    unfinished = _unfinished(tx, firing.schedule)
    if firing.overlap is Overlap.CANCEL_RUNNING and due.job is not None:
        for job_id in _unfinished(tx, firing.schedule, uncancelled=True):
            cancel(tx, job_id)
        unfinished = _unfinished(tx, firing.schedule)
    return unfinished or _surplus(tx, firing.schedule)


def _add(tx: Transaction, firing: Firing, job: NewJob) -> tuple[int, bool]:
    """Add the job of a slot. Unless slots may overlap, jobs of earlier ones that wait for a retry give way to it.

    Return its id, and False where nothing was added, because another job has its key (`unsafe_dedupe`).
    """
    if firing.overlap is not Overlap.ALLOW:
        for (earlier,) in tx.all("retries_of_schedule", schedule=firing.schedule):
            cancel_waiting(tx, earlier, Reason.SUPERSEDED)
    (added,) = add_jobs(tx, [job])
    is_its = added.created or job.job_key_mode is not JobKeyMode.UNSAFE_DEDUPE
    if is_its:
        tx.run("mark_of_schedule", schedule=firing.schedule, id=int(added.id))
    return int(added.id), is_its


def _unfinished(tx: Transaction, name: str, *, uncancelled: bool = False) -> list[int]:
    return [job_id for (job_id,) in tx.all("unfinished_of_schedule", schedule=name, uncancelled=int(uncancelled))]


def _surplus(tx: Transaction, name: str) -> list[int]:
    """Return jobs that wait for a retry and are too many to give way to a slot at once. A hundred give way now."""
    retries = [job_id for (job_id,) in tx.all("retries_of_schedule", schedule=name)]
    if len(retries) < MOST_AT_ONCE:  # the statement reads no more
        return []
    for job_id in retries:
        cancel_waiting(tx, job_id, Reason.SUPERSEDED)
    return [job_id for (job_id,) in tx.all("retries_of_schedule", schedule=name)]


def _named(jobs: list[int]) -> str:
    """Name jobs in a note, of many the first three."""
    more = " and more" if len(jobs) > 3 else ""
    return f"job{'s' * (len(jobs) > 1)} {', '.join(map(str, jobs[:3]))}{more}"


def _give_up(tx: Transaction, name: str, why: str) -> None:
    """Let the slot that waits, if there is one, add nothing."""
    state = _state(tx, name)
    if state is not None and state.waiting is not None:
        _write(tx, name, to_millis(state.waiting.at), SlotOutcome.SKIPPED, note=why)
        tx.run("let_slot_wait", schedule=name, at=None, backfilled=None)


def _write(tx: Transaction, name: str, at: int, outcome: SlotOutcome, job: int | None = None, note: str = "") -> None:
    tx.run("slot_outcome", schedule=name, at=at, outcome=outcome, job=job, note=note or None, now=tx.now)


def _state(tx: Transaction, name: str) -> ScheduleState | None:
    row = tx.one("schedule_states", name=name)
    return None if row is None else state_of(*row[1:])


def _is_in_force(tx: Transaction, runner: int | None) -> bool:
    return tx.one("ticks_now", runner=runner) is not None

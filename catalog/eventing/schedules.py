"""Schedules: each keeps one job for its next event, which starts its runs and adds the job for the one after it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import joinedload

from catalog.app.database import add_once
from catalog.app.models import EventRecord, JobRun, ScheduleSource
from catalog.app.models.base import now
from catalog.app.work import Dequeue, Work
from catalog.client import EventsDeliverScheduledPayloadPayload, JobKeyMode
from catalog.eventing.ingest import lock_event
from catalog.eventing.invocation import invoke
from catalog.eventing.slots import next_slot
from catalog.wire.times import write_time

SCHEDULED_EVENT = "dev.trigger.scheduled"
"""The name of the events of schedules. Their dispatchers are manual: fired by the schedule, not by the name."""


class UnknownSchedule(LookupError):
    """There is no such schedule."""


async def start_schedule(work: Work, source: ScheduleSource, schedule: dict[str, Any]) -> None:
    """Let a schedule of the session fire as `schedule` says. One that does so already keeps the job of its next
    event, or gets one where that was lost. Raises: InvalidSchedule.
    """
    goes_on = source.active and source.schedule == schedule
    source.schedule, source.active = schedule, True
    await work.session.flush()
    await _enqueue_next(work, source, "unsafe_dedupe" if goes_on else "replace")


async def stop_schedule(work: Work, source: ScheduleSource, dequeue: Dequeue) -> None:
    """Let a schedule of the session fire no more, until it is started again."""
    source.active = False
    await hold_schedule(work, source, dequeue)


async def hold_schedule(work: Work, source: ScheduleSource, dequeue: Dequeue) -> None:
    """Take a schedule's job away; a schedule that is active gets another one when it is started anew."""
    source.next_event_at = None
    # First the row: a job that is adding the next one meanwhile holds it, and what it has added is dequeued then.
    await work.session.flush()
    await dequeue(_job_key(source))


async def fire(work: Work, id: str, at: datetime, last: datetime | None, logger: logging.Logger) -> Sequence[JobRun]:
    """Start the runs of a schedule's slot, once, and enqueue the next one. Nothing happens where it is stopped.

    Raises: UnknownSchedule, UnknownDispatcher, InvalidSchedule.
    """
    source = await work.session.get(ScheduleSource, id, options=[joinedload(ScheduleSource.dispatcher)])
    if source is None:
        raise UnknownSchedule(f"there is no schedule {id!r}")
    if not source.active:
        return ()
    event = await _record(work, source, at, last)
    runs = () if event is None else await invoke(work, source.dispatcher, event, logger)
    if await _still_active(work, source, at):
        await _enqueue_next(work, source, "replace")
    return runs


async def _record(work: Work, source: ScheduleSource, at: datetime, last: datetime | None) -> EventRecord | None:
    """Keep the event of a slot and return it, or None where there is one. It is not delivered: its runs start here."""
    key = {"event_id": f"{source.id}:{round(at.timestamp() * 1000)}", "environment_id": source.environment_id}
    payload = {"ts": write_time(at)} | ({} if last is None else {"lastTimestamp": write_time(last)})
    added = await add_once(
        work.session,
        EventRecord,
        key,
        name=SCHEDULED_EVENT,
        payload=payload,
        context={},
        timestamp=at,
        delivered_at=now(),
        source_context={"id": source.key, "metadata": source.source_metadata},
        external_account_id=source.external_account_id,
    )
    return await lock_event(work.session, **key) if added else None


async def _still_active(work: Work, source: ScheduleSource, at: datetime) -> bool:
    """Note the slot, unless somebody has stopped the schedule meanwhile. Only here, after the runs, is its row locked:
    an index locks jobs before their schedules.
    """
    noted = (
        update(ScheduleSource)
        .where(ScheduleSource.id == source.id, ScheduleSource.active)
        .values(last_event_at=at)
        .returning(ScheduleSource.id)
        .execution_options(synchronize_session=False)
    )
    if (await work.session.execute(noted)).scalar_one_or_none() is None:
        return False
    await work.session.refresh(source)
    return True


async def _enqueue_next(work: Work, source: ScheduleSource, mode: JobKeyMode) -> None:
    """Enqueue the next slot; a slot that waits already is left as it is, or replaced, as the mode of the key says."""
    slot = next_slot(source.schedule, source.last_event_at, now())
    payload: EventsDeliverScheduledPayloadPayload = {"ts": write_time(slot)}
    if source.last_event_at is not None:
        payload["lastTimestamp"] = write_time(source.last_event_at)
    job = await work.enqueue(
        "events.deliverScheduled",
        {"id": source.id, "payload": payload},
        run_at=slot,
        queue=f"scheduler:{source.environment_id}",
        job_key=_job_key(source),
        job_key_mode=mode,
    )
    source.next_event_at = job.run_at
    await work.session.flush()


def _job_key(source: ScheduleSource) -> str:
    return f"scheduled:{source.id}"

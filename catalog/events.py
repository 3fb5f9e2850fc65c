"""The handlers of deliverEvent, events.invokeDispatcher and events.deliverScheduled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from catalog.app.models import EventDispatcher, EventRecord
from catalog.app.work import working
from catalog.eventing.delivery import UnknownEvent, deliver
from catalog.eventing.invocation import UnknownDispatcher, invoke
from catalog.eventing.schedules import UnknownSchedule, fire
from catalog.eventing.slots import InvalidSchedule
from kongflow import GiveUp, JobContext


class Delivery(TypedDict):
    """The payload of deliverEvent."""

    id: str


class Invocation(TypedDict):
    """The payload of events.invokeDispatcher."""

    id: str
    eventRecordId: str


class Slot(TypedDict):
    """A slot of a schedule, and the one before it."""

    ts: str
    lastTimestamp: NotRequired[str]


class ScheduledDelivery(TypedDict):
    """The payload of events.deliverScheduled."""

    id: str
    payload: Slot


async def deliver_event(payload: Delivery, job: JobContext) -> None:
    """Hand an event to the dispatchers that want it, all of them or, where one cannot be enqueued, none."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        try:
            tx.result({"dispatchers": await deliver(work, payload["id"], job.logger)})
        except UnknownEvent as problem:
            raise GiveUp(str(problem)) from None


async def invoke_dispatcher(payload: Invocation, job: JobContext) -> None:
    """Create the runs that a dispatcher starts for an event, all of them or none."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        dispatcher = await work.session.get(EventDispatcher, payload["id"])
        event = await work.session.get(EventRecord, payload["eventRecordId"])
        if dispatcher is None or event is None:
            raise GiveUp(f"there is no {'event' if dispatcher else 'dispatcher'} of this id any more")
        try:
            runs = await invoke(work, dispatcher, event, job.logger)
        except UnknownDispatcher as problem:
            raise GiveUp(str(problem)) from None
        tx.result({"runs": [run.id for run in runs]})


async def deliver_scheduled(payload: ScheduledDelivery, job: JobContext) -> None:
    """Start the runs of a schedule's slot and enqueue the next slot, together."""
    slot, id = payload["payload"], payload["id"]
    last = slot.get("lastTimestamp")
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        try:
            runs = await fire(work, id, _instant(slot["ts"]), None if last is None else _instant(last), job.logger)
        except (UnknownSchedule, UnknownDispatcher, InvalidSchedule) as problem:
            raise GiveUp(str(problem)) from None
        tx.result({"runs": [run.id for run in runs]})


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GiveUp(f"{text!r} is no instant") from None

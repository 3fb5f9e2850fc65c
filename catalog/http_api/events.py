"""Events: sent, looked at, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import EventRecord, JobRun
from catalog.eventing.ingest import RawEvent, SendOptions, cancel_event, ingest, ingest_all, lock_event
from catalog.http_api.call import Call, due, instant
from catalog.http_api.problems import not_found
from catalog.http_api.shapes import event_log, event_with_runs

INVALID = 422
"""Status for events that are none."""


async def send(call: Call) -> Any:
    """Take in an event; one whose id is known is answered as it is kept."""
    event, options = _event(call.body["event"], "$.event"), _options(call.body.get("options"))
    async with call.transaction() as work:
        return event_log(await ingest(work, call.caller.environment_id, event, options))


async def send_all(call: Call) -> Any:
    """Take in events, all or none."""
    events = [_event(each, f"$.events[{number}]") for number, each in enumerate(call.body["events"])]
    options = _options(call.body.get("options"))
    async with call.transaction() as work:
        return [event_log(each) for each in await ingest_all(work, call.caller.environment_id, events, options)]


async def show(call: Call) -> Any:
    """Show an event, and the runs that it started."""
    async with call.look() as session:
        event = await _find(session, call)
        runs = await session.scalars(select(JobRun).filter_by(event_id=event.id).order_by(JobRun.created_at))
        return event_with_runs(event, runs)


async def cancel(call: Call) -> Any:
    """Cancel an event that is not delivered yet; any other is answered as it is."""
    async with call.transaction() as work:
        event = await lock_event(work.session, id=(await _find(work.session, call)).id)
        await cancel_event(event, lambda key: call.dequeue(work, key))
        return event_log(event)


async def _find(session: AsyncSession, call: Call) -> EventRecord:
    found = select(EventRecord).filter_by(event_id=call.path("id"), environment_id=call.caller.environment_id)
    try:
        return (await session.scalars(found)).one()
    except NoResultFound:
        raise not_found("Event") from None


def _event(body: Mapping[str, Any], place: str) -> RawEvent:
    return RawEvent(
        name=body["name"],
        payload=body.get("payload"),
        context=body.get("context"),
        id=body.get("id"),
        timestamp=instant(body.get("timestamp"), f"{place}.timestamp", INVALID),
        source=body.get("source") or "trigger.dev",
    )


def _options(body: Mapping[str, Any] | None) -> SendOptions:
    said = body or {}
    return SendOptions(
        deliver_at=due(said.get("deliverAt"), "$.options.deliverAt", INVALID),
        deliver_after=said.get("deliverAfter"),
        account_id=said.get("accountId"),
    )

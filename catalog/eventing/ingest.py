"""Ingestion: an event that comes in becomes a record, once, and is delivered when its time has come."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.database import add_once
from catalog.app.models import EventRecord, ExternalAccount
from catalog.app.models.base import now
from catalog.app.work import Dequeue, Work

FIXED_BEFORE = timedelta(seconds=5)
"""How long before its delivery an event can be changed by sending it again: as in Trigger.dev 2.3."""


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it comes in. Without an `id` it is always a new one."""

    name: str
    payload: Any = None
    context: Any = None
    id: str | None = None
    timestamp: datetime | None = None
    source: str = "trigger.dev"


@dataclass(frozen=True, slots=True)
class SendOptions:
    """When an event is delivered, at a time or after so many seconds, and for which external account."""

    deliver_at: datetime | None = None
    deliver_after: float | None = None
    account_id: str | None = None


async def ingest(
    work: Work,
    environment_id: str,
    event: RawEvent,
    options: SendOptions | None = None,
) -> EventRecord:
    """Keep an event and enqueue its delivery. One whose id the environment knows is returned as it is; as long as it
    is to be delivered in more than 5 seconds, its payload, context and time are changed to the new ones.
    """
    options = options or SendOptions()
    key = {"event_id": event.id or f"evt_{secrets.token_hex(12)}", "environment_id": environment_id}
    said = {
        "payload": {} if event.payload is None else event.payload,
        "context": {} if event.context is None else event.context,
        "deliver_at": _deliver_at(options),
    }
    added = await add_once(
        work.session,
        EventRecord,
        key,
        name=event.name,
        timestamp=event.timestamp or now(),
        source=event.source,
        external_account_id=await account_of(work, environment_id, options.account_id),
        **said,
    )
    record = await lock_event(work.session, **key)
    if added or _may_change(record):
        await _deliver_as(work, record, said)
    return record


async def ingest_all(
    work: Work, environment_id: str, events: Sequence[RawEvent], options: SendOptions | None = None
) -> list[EventRecord]:
    """As `ingest`, for several events. They are taken in the order of their ids, so that two who send the same ones
    wait for each other one way only.
    """
    numbers = sorted(range(len(events)), key=lambda number: events[number].id or "")
    records = {number: await ingest(work, environment_id, events[number], options) for number in numbers}
    return [records[number] for number in range(len(events))]


async def lock_event(session: AsyncSession, **key: object) -> EventRecord:
    """Return the only event of these columns as it is now, locked: whoever delivers, changes or cancels it takes turns.

    Raises: NoResultFound.
    """
    found = select(EventRecord).filter_by(**key).with_for_update(key_share=True)
    return (await session.scalars(found, execution_options={"populate_existing": True})).one()


async def cancel_event(record: EventRecord, dequeue: Dequeue) -> None:
    """Cancel an event of the session: what waits to be delivered is not; one that was stays as it is."""
    if record.delivered_at is None and record.cancelled_at is None:
        record.cancelled_at = now()
        await dequeue(_job_key(record))


def _may_change(record: EventRecord) -> bool:
    return record.delivered_at is None and record.cancelled_at is None and record.deliver_at >= now() + FIXED_BEFORE


async def _deliver_as(work: Work, record: EventRecord, said: Mapping[str, Any]) -> None:
    for column, value in said.items():
        setattr(record, column, value)
    await work.session.flush()
    await work.enqueue("deliverEvent", {"id": record.id}, run_at=record.deliver_at, job_key=_job_key(record))


def _job_key(record: EventRecord) -> str:
    return f"event:{record.id}"


def _deliver_at(options: SendOptions) -> datetime:
    return options.deliver_at or now() + timedelta(seconds=options.deliver_after or 0)


async def account_of(work: Work, environment_id: str, identifier: str | None) -> str | None:
    """Return the id of an external account, which is added where there is none of this identifier."""
    if identifier is None:
        return None
    key = {"environment_id": environment_id, "identifier": identifier}
    await add_once(work.session, ExternalAccount, key)
    return (await work.session.scalars(select(ExternalAccount.id).filter_by(**key))).one()

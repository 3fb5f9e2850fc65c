"""Ingestion: an event that comes in becomes a record, once, and is delivered when its time has come."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from catalog.app.database import put
from catalog.app.models import EventRecord, ExternalAccount
from catalog.app.models.base import now
from catalog.app.work import Work


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
    *,
    source_context: Any = None,
    is_test: bool = False,
) -> EventRecord:
    """Keep an event and enqueue its delivery; one whose id the environment knows is returned as it is."""
    options = options or SendOptions()
    event_id = event.id or f"evt_{secrets.token_hex(12)}"
    if event.id is not None and (known := await _known(work, environment_id, event_id)):
        return known
    record = EventRecord(
        event_id=event_id,
        name=event.name,
        timestamp=event.timestamp or now(),
        payload={} if event.payload is None else event.payload,
        context={} if event.context is None else event.context,
        source=event.source,
        source_context=source_context,
        deliver_at=_deliver_at(options),
        is_test=is_test,
        environment_id=environment_id,
        external_account_id=await _account(work, environment_id, options.account_id),
    )
    work.session.add(record)
    await work.session.flush()
    await work.enqueue("deliverEvent", {"id": record.id}, run_at=record.deliver_at)
    return record


async def _known(work: Work, environment_id: str, event_id: str) -> EventRecord | None:
    found = select(EventRecord).filter_by(environment_id=environment_id, event_id=event_id)
    return (await work.session.scalars(found)).one_or_none()


def _deliver_at(options: SendOptions) -> datetime:
    return options.deliver_at or now() + timedelta(seconds=options.deliver_after or 0)


async def _account(work: Work, environment_id: str, identifier: str | None) -> str | None:
    if identifier is None:
        return None
    return await put(work.session, ExternalAccount, {"environment_id": environment_id, "identifier": identifier})

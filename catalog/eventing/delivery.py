"""Delivery: which dispatchers an event goes to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import EventDispatcher, EventRecord
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.eventing.filters import Bound, InvalidFilter, matches
from catalog.eventing.ingest import lock_event

MAX_STEPS = 2_000_000
"""Comparisons of all filters with one event, about a second."""


class UnknownEvent(LookupError):
    """There is no such event."""


async def deliver(work: Work, event_id: str, logger: logging.Logger) -> int:
    """Enqueue events.invokeDispatcher for every dispatcher that wants the event, and return how many there are.

    An event that was delivered or cancelled goes nowhere. Raises: UnknownEvent.
    """
    try:
        event = await lock_event(work.session, id=event_id)
    except NoResultFound:
        raise UnknownEvent(f"there is no event {event_id!r}") from None
    if event.delivered_at is not None or event.cancelled_at is not None:
        return 0
    listeners = await _listeners(work.session, event)
    # Many filters, or large ones, take seconds, in which other jobs go on.
    wanted = await asyncio.to_thread(_who_wants, listeners, event, logger)
    for dispatcher in wanted:
        await work.enqueue("events.invokeDispatcher", {"id": dispatcher.id, "eventRecordId": event.id})
    if wanted:
        event.delivered_at = now()
    else:
        logger.info("no job listens for the event %r that is like this one; nothing is started", event.name)
    return len(wanted)


async def _listeners(session: AsyncSession, event: EventRecord) -> Sequence[EventDispatcher]:
    """Return the dispatchers that listen for events of this source and name, in the order of their ids."""
    found = await session.scalars(
        select(EventDispatcher)
        .filter_by(environment_id=event.environment_id, source=event.source, enabled=True, manual=False)
        .order_by(EventDispatcher.id)
    )
    return [each for each in found if event.name in each.events]


def _who_wants(
    listeners: Sequence[EventDispatcher], event: EventRecord, logger: logging.Logger
) -> list[EventDispatcher]:
    steps = Bound(MAX_STEPS, f"the filters of all who listen take more than {MAX_STEPS} steps with this event")
    return [each for each in listeners if _wants(each, event, steps, logger)]


def _wants(dispatcher: EventDispatcher, event: EventRecord, steps: Bound, logger: logging.Logger) -> bool:
    if dispatcher.external_account_id not in (None, event.external_account_id):
        return False
    try:
        # Both are looked at, so that a filter that is none is told of whatever the event.
        wants = [
            matches(dispatcher.payload_filter, event.payload, steps),
            matches(dispatcher.context_filter, event.context, steps),
        ]
    except InvalidFilter as problem:
        logger.warning("the dispatcher %s gets no event, for its filter cannot be used: %s", dispatcher.id, problem)
        return False
    return all(wants)

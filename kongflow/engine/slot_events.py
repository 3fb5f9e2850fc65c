"""Events of schedules: what became of their slots, told by the runner that decided about them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kongflow.core.schedule import DecidedSlot, SlotOutcome, slot_text
from kongflow.engine.events import Event


@dataclass(frozen=True, slots=True)
class SlotEvent(Event):
    """What all of them say. `slot` is the instant, ISO 8601 in UTC."""

    schedule: str
    slot: str
    backfilled: bool


@dataclass(frozen=True, slots=True)
class SlotFired(SlotEvent):
    """The job of a slot was added."""

    name: ClassVar[str] = "schedule.fired"
    job: str


@dataclass(frozen=True, slots=True)
class SlotSkipped(SlotEvent):
    """A slot adds no job: one of an earlier slot has not ended."""

    name: ClassVar[str] = "schedule.skipped"
    level: ClassVar[int] = logging.WARNING
    why: str
    earlier: int | None = None
    """How many slots before it were skipped in the same moment, if any: they are not told one by one."""


@dataclass(frozen=True, slots=True)
class SlotWaits(SlotEvent):
    """The job of a slot is added when those of earlier ones have ended."""

    name: ClassVar[str] = "schedule.waiting"
    why: str


@dataclass(frozen=True, slots=True)
class SlotFailed(SlotEvent):
    """The job of a slot cannot be made: its payload does not fit its task, say. The next slot is tried again."""

    name: ClassVar[str] = "schedule.failed"
    level: ClassVar[int] = logging.ERROR
    why: str


@dataclass(frozen=True, slots=True)
class SlotsMissed(Event):
    """Slots went by while no runner was there to fire them, and are not made up."""

    name: ClassVar[str] = "schedule.missed"
    level: ClassVar[int] = logging.WARNING
    schedule: str
    missed: int
    at_least: bool
    """There may be more: they are counted up to a bound."""
    since: str
    """The instant up to which slots had been decided about."""


def told(schedule: str, decided: Sequence[DecidedSlot]) -> list[SlotEvent]:
    """Return the events that say what became of slots; those that were skipped are one event."""
    skipped = [each for each in decided if each.outcome is SlotOutcome.SKIPPED]
    events = [_told(schedule, each) for each in decided if each.outcome is not SlotOutcome.SKIPPED]
    if skipped:
        last = skipped[-1]
        at = slot_text(last.slot.at)
        events.append(SlotSkipped(schedule, at, last.slot.backfilled, last.note, len(skipped) - 1 or None))
    return events


def _told(schedule: str, decided: DecidedSlot) -> SlotEvent:
    about = (schedule, slot_text(decided.slot.at), decided.slot.backfilled)
    match decided.outcome:
        case SlotOutcome.ADDED:
            return SlotFired(*about, decided.job or "")
        case SlotOutcome.WAITING:
            return SlotWaits(*about, decided.note)
        case SlotOutcome.FAILED:
            return SlotFailed(*about, decided.note)
        case SlotOutcome.SKIPPED:
            return SlotSkipped(*about, decided.note)

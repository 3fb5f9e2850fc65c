"""Schedule: a task whose jobs are added by themselves, one at each of its slots; and which slots are due. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile
from typing import Protocol

from kongflow.core.duration import format_duration
from kongflow.core.json import Json
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schema import PayloadSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_COUNTED = 100
"""Missed slots that are counted: how many more there were does not matter, and a count takes its time."""
_INSTANT = timedelta(milliseconds=1)
"""The finest that both databases keep."""


class Overlap(StrEnum):
    """What becomes of a slot while a job of an earlier one has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    """It is added when that job has ended; one slot waits like this, others are skipped."""
    CANCEL_RUNNING = "cancel_running"
    """That job is cancelled, and the slot is added when it has ended."""
    ALLOW = "allow"


class CatchupPolicy(StrEnum):
    """Which of the slots that were missed are made up."""

    NONE = "none"
    LATEST = "latest"
    """The last one, unless a newer one is on time."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Catchup:
    """Which missed slots are made up: those that are at most `window` seconds old."""

    policy: CatchupPolicy = CatchupPolicy.NONE
    window: float = 0.0


class Timing(Protocol):
    """When slots are."""

    @property
    def text(self) -> str:
        """The timing as it is written; another text means other slots."""
        ...

    @property
    def words(self) -> str:
        """The timing in plain words, such as `at 02:30 every day`."""
        ...

    def after(self, instant: datetime) -> datetime:
        """Return the first slot after an aware instant, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Slots at the whole multiples of an interval, in seconds, since 1970 (UTC)."""

    interval: float

    @property
    def text(self) -> str:
        """See Timing.text."""
        return f"every {format_duration(self.interval)}"

    @property
    def words(self) -> str:
        """See Timing.words."""
        return self.text

    def after(self, instant: datetime) -> datetime:
        """See Timing.after."""
        step = timedelta(milliseconds=round(self.interval * 1000))
        return EPOCH + ((instant - EPOCH) // step + 1) * step


@dataclass(frozen=True, slots=True)
class Schedule:
    """One declared schedule. Times are seconds; slots are UTC, whatever the time zone of its line."""

    name: str
    timing: Timing
    task: str
    payload: PayloadTemplate
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    grace: float = 60.0
    """A slot that is late by no more simply fires."""
    catchup: Catchup = field(default_factory=Catchup)
    description: str = ""

    def slots_after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the slots after an aware instant, without end."""
        while True:
            instant = self.timing.after(instant)
            yield instant

    def published(self) -> Json:
        """Return what makes it fire when it does, and with what, the same for equal ones."""
        return {
            "timing": self.timing.text,
            "task": self.task,
            "payload": dict(self.payload.source),
            "overlap": self.overlap,
            "grace": self.grace,
            "catchup": {"policy": self.catchup.policy, "window": self.catchup.window},
        }


@dataclass(frozen=True, slots=True)
class Slot:
    """One instant at which a schedule adds a job."""

    at: datetime
    backfilled: bool = False
    """It was missed, and is made up."""


class SlotOutcome(StrEnum):
    """What became of a slot."""

    ADDED = "added"
    SKIPPED = "skipped"
    WAITING = "waiting"
    """Its job is added when those of earlier slots have ended."""
    FAILED = "failed"
    """Its job could not be made: its payload does not fit, say."""


@dataclass(frozen=True, slots=True)
class DecidedSlot:
    """What became of one slot: the id of its job, or why there is none."""

    slot: Slot
    outcome: SlotOutcome
    job: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done about the slots up to `up_to`, oldest first."""

    slots: tuple[Slot, ...]
    up_to: datetime
    missed: int = 0
    """Slots that are not made up; MOST_COUNTED stands for as many or more."""

    def is_all(self, now: datetime) -> bool:
        """Say whether nothing is due after it."""
        return self.up_to >= now


def due(schedule: Schedule, since: datetime, now: datetime, limit: int) -> Due:
    """Return which slots after `since` and up to `now` are added, oldest first, and how many are missed.

    More than `limit` are not decided about at once: the rest comes after `up_to`.
    """
    on_time = now - timedelta(seconds=schedule.grace)
    oldest = on_time
    if schedule.catchup.policy is not CatchupPolicy.NONE:
        oldest = min(on_time, now - timedelta(seconds=schedule.catchup.window))
    begin = max(since, oldest - _INSTANT)
    if schedule.catchup.policy is CatchupPolicy.LATEST:
        return _latest(schedule, since, begin, on_time, now, limit)
    slots = [Slot(at, backfilled=at < on_time) for at in _between(schedule, begin, now, limit)]
    up_to = slots[-1].at if len(slots) == limit else now
    return Due(tuple(slots), up_to, _count(schedule, since, begin))


def _latest(schedule: Schedule, since: datetime, begin: datetime, on_time: datetime, now: datetime, limit: int) -> Due:
    """Decide where only the last of the missed slots is made up, if none is on time."""
    late_up_to = max(since, on_time - _INSTANT)
    fresh = list(_between(schedule, late_up_to, now, limit))
    missed = _count(schedule, since, late_up_to)
    if fresh:
        return Due(tuple(map(Slot, fresh)), fresh[-1] if len(fresh) == limit else now, missed)
    last = last_slot(schedule, begin, late_up_to)
    if last is None:
        return Due((), now, missed)
    return Due((Slot(last, backfilled=True),), now, missed if missed == MOST_COUNTED else missed - 1)


def last_slot(schedule: Schedule, after: datetime, up_to: datetime) -> datetime | None:
    """Return the last slot after an instant and up to another, or None."""
    if schedule.timing.after(after) > up_to:
        return None
    # A timing only looks forward: halve the span until few slots are left in it.
    low, high = after, up_to
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if schedule.timing.after(middle) <= up_to else (low, middle)
    *_, last = takewhile(lambda slot: slot <= up_to, schedule.slots_after(low))
    return last


def coming_slots(schedule: Schedule, after: datetime, count: int) -> tuple[datetime, ...]:
    """Return the first slots after an aware instant, in UTC; fewer where the calendar ends, in the year 9999."""
    found: list[datetime] = []
    try:
        for slot in islice(schedule.slots_after(after), count):
            found.append(slot)  # noqa: PERF402  those before the end are kept
    except (OverflowError, ValueError):
        pass
    return tuple(found)


def slot_text(at: datetime) -> str:
    """Return an instant as payloads carry it: ISO 8601, UTC; with milliseconds only where it has any."""
    whole = at.astimezone(UTC).replace(tzinfo=None)
    return whole.isoformat(timespec="milliseconds" if whole.microsecond else "seconds") + "Z"


def slot_scope(schedule: Schedule, slot: Slot) -> dict[str, Json]:
    """Return the names that the templates of a schedule see."""
    return {"schedule": {"slot": slot_text(slot.at), "name": schedule.name}}


def slot_payload(schedule: Schedule, slot: Slot, schema: PayloadSchema | None) -> Json:
    """Return the payload of a slot's job: its templates rendered; `ts` and `backfilled` where the task's schema
    declares them and the schedule does not give them.

    Raises: TemplateError.
    """
    payload = schedule.payload.render(slot_scope(schedule, slot))
    told: Mapping[str, Json] = {"ts": slot_text(slot.at), "backfilled": slot.backfilled}
    declared = frozenset() if schema is None else schema.declared
    return {**{key: value for key, value in told.items() if key in declared}, **payload}


def _between(schedule: Schedule, after: datetime, up_to: datetime, limit: int) -> Iterator[datetime]:
    return islice(takewhile(lambda slot: slot <= up_to, schedule.slots_after(after)), limit)


def _count(schedule: Schedule, after: datetime, up_to: datetime) -> int:
    return sum(1 for _ in _between(schedule, after, up_to, MOST_COUNTED)) if after < up_to else 0

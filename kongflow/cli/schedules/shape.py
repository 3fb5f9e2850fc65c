"""A slot as the command line shows it: the JSON shape that scripts rely on, and the words for people."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from kongflow.cli.output import escape, iso
from kongflow.core.json import Json
from kongflow.core.schedule import DecidedSlot, SlotOutcome


def slot_json(decided: DecidedSlot) -> dict[str, Json]:
    """Return what became of a slot as JSON has it."""
    return {
        "at": iso(decided.slot.at),
        "backfilled": decided.slot.backfilled,
        "outcome": str(decided.outcome),
        "job": decided.job,
        "note": decided.note or None,
    }


def outcome_text(decided: DecidedSlot) -> str:
    """Return what became of a slot: `added job 2`, `skipped: job 1 has not ended`, `waiting for the end of job 1`."""
    if decided.outcome is SlotOutcome.ADDED:
        return f"added job {decided.job}"
    return f"{decided.outcome}{'' if decided.outcome is SlotOutcome.WAITING else ':'} {escape(decided.note)}"


def local(at: datetime, timezone: str) -> datetime:
    """Return an instant by the clocks of a time zone."""
    return at.astimezone(ZoneInfo(timezone))

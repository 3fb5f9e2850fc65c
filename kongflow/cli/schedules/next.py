"""`kongflow schedules next`: when a schedule will add jobs, changes of the clocks included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from kongflow.cli.next_slots import until
from kongflow.cli.options import CONFIG, config_option, epilogue, instant, json_option, load_catalog
from kongflow.cli.output import emit_items, escape, iso, note, print_table, relative
from kongflow.cli.schedules.shape import local
from kongflow.core.duration import format_duration
from kongflow.core.json import Json
from kongflow.core.schedule import Schedule, coming_slots, slot_text

MOST = 1_000
"""Slots that are shown at once."""


@click.command(
    "next",
    epilog=epilogue(
        """
        kongflow schedules next nightly
        kongflow schedules next nightly -n 3 --after 2027-03-27T00:00:00+01:00
        kongflow schedules next nightly --json | jq -r '.items[0].at'
        """,
        CONFIG,
        5,
    ),
)
@click.argument("name")
@click.option("-n", "--count", type=click.IntRange(1, MOST), default=10, show_default=True, help="How many slots.")
@click.option("--after", type=instant, metavar="INSTANT", help="Only slots after it; without it, those to come.")
@json_option
@config_option
def command(name: str, count: int, after: datetime | None, as_json: bool, config: Path) -> None:
    """Show the next slots of a schedule.

    By the clocks of its time zone and in UTC; where those clocks have changed since the slot before, it says so. It
    opens no database.
    """
    from kongflow.engine.arguments import moment

    schedule = load_catalog(config).schedule(name)
    now = datetime.now(UTC)
    start = now if after is None else moment("after", after)
    slots = coming_slots(schedule, start, count)
    if as_json:
        emit_items([_shape(at, schedule) for at in slots], schedule=name, timezone=schedule.timezone)
        return
    note(f"{name}: {schedule.timing.words}, {schedule.timezone}")
    cells = [
        (_day_and_time(local(at, schedule.timezone)), slot_text(at), _away(at, now), change)
        for at, change in zip(slots, _changes(schedule, start, slots), strict=True)
    ]
    print_table((escape(schedule.timezone).upper(), "UTC", "AWAY", ""), cells)


def _shape(at: datetime, schedule: Schedule) -> Json:
    there = local(at, schedule.timezone)
    return {"at": iso(at), "local": there.isoformat(), "utc_offset": _offset(there).total_seconds()}


def _away(at: datetime, now: datetime) -> str:
    return until(at, now) if at > now else relative(at, now)


def _day_and_time(there: datetime) -> str:
    return f"{there:%a} {there.isoformat(sep=' ')}"


def _changes(schedule: Schedule, start: datetime, slots: Sequence[datetime]) -> Iterator[str]:
    """Yield for each slot how the clocks have changed since the one before."""
    before = _offset(local(start, schedule.timezone))
    for at in slots:
        offset = _offset(local(at, schedule.timezone))
        yield _change(offset - before)
        before = offset


def _change(by: timedelta) -> str:
    if not by:
        return ""
    way = "forward" if by > timedelta() else "back"
    return f"← the clocks were put {way} by {format_duration(abs(by.total_seconds()))}"


def _offset(there: datetime) -> timedelta:
    return there.utcoffset() or timedelta()

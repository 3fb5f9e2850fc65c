"""`kongflow schedules list`: each schedule, when it adds its next job, and what became of its last slot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kongflow.cli.next_slots import until
from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_items, escape, iso, note, print_table, relative
from kongflow.cli.pauses import pause_cell, pause_json
from kongflow.cli.schedules.shape import local, outcome_text, slot_json
from kongflow.core.catalog import Catalog
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for annotations: it loads the database's libraries
    from kongflow.engine.schedules import ScheduleStatus
    from kongflow.store.records import RunnerView

MOST_NAMED = 3
"""Jobs that a cell of the table names."""


@click.command(
    "list",
    epilog=epilogue(
        """
        kongflow schedules list
        kongflow schedules list --json | jq -r '.items[] | select(.last_slot.outcome == "failed") | .name'
        """,
        DATABASE,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> None:
    """List schedules: their next slots, and what became of the last ones.

    A schedule that the database knows and the configuration does not is shown as not declared.
    """
    schedules, runners, catalog = asyncio.run(_look(config))
    if as_json:
        emit_items([_shape(each) for each in schedules])
        return
    if not schedules:
        note(f"no schedule is declared{catalog.where}")
        return
    now = datetime.now(UTC)
    headers = ["SCHEDULE", "TIMING", "TIME ZONE", "TASK", "NEXT", "LAST", "UNFINISHED"]
    cells = [_cells(each, now) for each in schedules]
    if any(each.pause for each in schedules):
        headers.append("PAUSED")
        cells = [(*line, pause_cell(each.pause)) for line, each in zip(cells, schedules, strict=True)]
    if any(each.declared is not None and each.declared.description for each in schedules):
        headers.append("DESCRIPTION")
        cells = [(*line, _description(each)) for line, each in zip(cells, schedules, strict=True)]
    print_table(headers, cells)
    _tell_what_is_missing(schedules, [runner for runner in runners if runner.alive and runner.ticks], catalog)


async def _look(config: Path) -> tuple[Sequence[ScheduleStatus], Sequence[RunnerView], Catalog]:
    async with opened(config, looking=True) as flow:
        return await flow.schedules.list(), await flow.store.runners(), flow.catalog


def _tell_what_is_missing(schedules: Sequence[ScheduleStatus], living: Sequence[RunnerView], catalog: Catalog) -> None:
    """Say why slots will add nothing though nothing is paused."""
    if not living:
        note("no runner that fires schedules is alive: slots add no jobs until one is")
    if not living or any(runner.config_hash == catalog.config_hash for runner in living):
        return
    other = [each.name for each in schedules if each.declared and each.effective != each.declared.timing.text]
    if other:
        note(f"the runners do not have this yet: {', '.join(other)}; restart them with this configuration")


def _shape(each: ScheduleStatus) -> Json:
    declared, waiting = each.declared, each.waiting_slot
    return {
        "name": each.name,
        "description": None if declared is None else declared.description or None,
        "declared": None
        if declared is None
        else {
            "timing": declared.timing.text,
            "words": declared.timing.words,
            "timezone": declared.timezone,
            "task": declared.task,
            "overlap": str(declared.overlap),
        },
        "effective": each.effective,
        "next_slot": iso(each.next_slot),
        "last_slot": None if each.last_slot is None else {**slot_json(each.last_slot), "job_state": each.last_job},
        "waiting_slot": None if waiting is None else {"at": iso(waiting.at), "backfilled": waiting.backfilled},
        "unfinished": list(each.unfinished),
        "pause": None if each.pause is None else pause_json(each.pause),
    }


def _cells(each: ScheduleStatus, now: datetime) -> tuple[str, ...]:
    declared, last = each.declared, each.last_slot
    unfinished = ", ".join(each.unfinished[:MOST_NAMED]) or "-"
    if len(each.unfinished) > MOST_NAMED:
        unfinished += " and more"
    state = "" if each.last_job is None else f", {each.last_job}"
    last_text = "-" if last is None else f"{relative(last.slot.at, now)}, {outcome_text(last)}{state}"
    if declared is None:
        return (
            f"{escape(each.name)} (not declared)",
            escape(each.effective or "-"),
            "-",
            "-",
            "-",
            last_text,
            unfinished,
        )
    return (
        escape(each.name),
        escape(declared.timing.words),
        escape(declared.timezone),
        escape(declared.task),
        _next(each.next_slot, declared.timezone, now),
        last_text,
        unfinished,
    )


def _next(at: datetime | None, timezone: str, now: datetime) -> str:
    if at is None:
        return "-"
    return f"{until(at, now)}, {local(at, timezone).isoformat(timespec='seconds')}"


def _description(each: ScheduleStatus) -> str:
    return "" if each.declared is None else escape(each.declared.description)

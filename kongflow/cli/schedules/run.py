"""`kongflow schedules run`: let a schedule add its job now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_json, error, hint, note
from kongflow.cli.schedules.shape import outcome_text, slot_json
from kongflow.core.schedule import DecidedSlot, SlotOutcome

NO_JOB = 1


@click.command(
    "run",
    epilog=epilogue(
        """
        kongflow schedules run nightly
        kongflow jobs wait "$(kongflow schedules run nightly)"
        """,
        DATABASE,
        5,
    ),
)
@click.argument("name")
@json_option
@config_option
def command(name: str, as_json: bool, config: Path) -> int:
    """Let a schedule add its job now, and print the job's id.

    As at a slot of its own: its payload is made for now, and its `overlap` holds. Where a job of an earlier slot has
    not ended, it may be skipped, or wait; then the exit code is 1. It works while the schedule is paused, too.
    """
    decided = asyncio.run(_run(name, config))
    if as_json:
        emit_json({"schedule": name, **slot_json(decided)})
    if decided.outcome is not SlotOutcome.ADDED:
        error(f"schedule {name} has added no job: this slot is {outcome_text(decided)}")
        return NO_JOB
    if not as_json:
        click.echo(decided.job)
        hint(f"kongflow jobs show {decided.job}")
    return 0


async def _run(name: str, config: Path) -> DecidedSlot:
    from kongflow.cli.serving import warn_if_unserved

    async with opened(config) as flow:
        decided = await flow.schedules.run(name)
        if decided.outcome is SlotOutcome.ADDED and decided.job is not None:
            note(f"schedule {name} added {flow.catalog.schedule(name).task} as job {decided.job}")
            job = await flow.store.get(decided.job)
            await warn_if_unserved(flow, [] if job is None else [job])
    return decided

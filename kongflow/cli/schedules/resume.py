"""`kongflow schedules resume`: end a pause."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_json, note


@click.command(
    "resume",
    epilog=epilogue(
        """
        kongflow schedules resume nightly
        """,
        DATABASE,
        5,
    ),
)
@click.argument("name")
@json_option
@config_option
def command(name: str, as_json: bool, config: Path) -> None:
    """Let a paused schedule add jobs again.

    From now on: slots that came while it was paused are not made up, whatever its `catchup`.
    """
    asyncio.run(_resume(name, as_json, config))


async def _resume(name: str, as_json: bool, config: Path) -> None:
    async with opened(config) as flow:
        resumed = await flow.schedules.resume(name)
    if as_json:
        emit_json({"name": name, "paused": False, "was_paused": resumed})
    note(f"schedule {name} adds jobs again" if resumed else f"schedule {name} was not paused")

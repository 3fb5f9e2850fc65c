"""`kongflow schedules pause`: let the slots of a schedule add nothing, in the whole cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_json, note
from kongflow.cli.pauses import who_asks


@click.command(
    "pause",
    epilog=epilogue(
        """
        kongflow schedules pause nightly --reason "moving house"
        """,
        DATABASE,
        5,
    ),
)
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown by `schedules list` and `status`.")
@click.option("--author", metavar="NAME", help="Who; without it, the user and host of this command.")
@json_option
@config_option
def command(name: str, reason: str, author: str | None, as_json: bool, config: Path) -> None:
    """Let the slots of a schedule add nothing, in the whole cluster.

    Until it is resumed; what it has added goes on, and a slot that waits is given up. The pause outlives every runner
    and every deploy.
    """
    asyncio.run(_pause(name, reason, author or who_asks(), as_json, config))


async def _pause(name: str, reason: str, author: str, as_json: bool, config: Path) -> None:
    async with opened(config) as flow:
        await flow.schedules.pause(name, reason=reason, author=author)
    if as_json:
        emit_json({"name": name, "paused": True, "reason": reason or None, "author": author})
    note(f"schedule {name} is paused; its slots add jobs again after: kongflow schedules resume {name}")

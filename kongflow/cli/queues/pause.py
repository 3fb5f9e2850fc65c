"""`kongflow queues pause`: let nothing of a queue start, in the whole cluster."""

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
        kongflow queues pause mail --reason "the provider is down"
        kongflow queues pause 'runs:*'
        kongflow queues pause runs:run_17
        """,
        DATABASE,
        5,
    ),
)
@click.argument("queue")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown by `queues list`.")
@click.option("--author", metavar="NAME", help="Who; without it, the user and host of this command.")
@json_option
@config_option
def command(queue: str, reason: str, author: str | None, as_json: bool, config: Path) -> None:
    """Let nothing of a queue or pattern start, in the whole cluster.

    Until it is resumed; what runs goes on. A declared pattern, in quotes, pauses all its names; a name of a pattern
    pauses only that one.
    Jobs can still be added. The pause outlives every runner and every deploy.
    """
    asyncio.run(_pause(queue, reason, author or who_asks(), as_json, config))


async def _pause(queue: str, reason: str, author: str, as_json: bool, config: Path) -> None:
    async with opened(config) as flow:
        await flow.pause_queue(queue, reason=reason, author=author)
    if as_json:
        emit_json({"queue": queue, "paused": True, "reason": reason or None, "author": author})
    note(f"queue {queue} is paused; it starts jobs again after: kongflow queues resume {queue!r}")

"""`kongflow queues resume`: end a pause."""

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
        kongflow queues resume mail
        kongflow queues resume 'runs:*'
        """,
        DATABASE,
    ),
)
@click.argument("queue")
@json_option
@config_option
def command(queue: str, as_json: bool, config: Path) -> None:
    """Let a paused queue or pattern start jobs again.

    Only what was paused under this name: a queue stays paused while a pause of its pattern holds, and the other way
    round. `queues list` shows both.
    """
    asyncio.run(_resume(queue, as_json, config))


async def _resume(queue: str, as_json: bool, config: Path) -> None:
    async with opened(config) as flow:
        resumed = await flow.resume_queue(queue)
    if as_json:
        emit_json({"queue": queue, "paused": False, "was_paused": resumed})
    note(f"queue {queue} starts jobs again" if resumed else f"queue {queue} was not paused")

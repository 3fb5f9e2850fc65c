"""`kongflow jobs delete`: remove jobs that do not run, with everything known about them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.jobs.several import for_each
from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import note
from kongflow.core.json import Json


@click.command(
    "delete",
    epilog=epilogue(
        """
        kongflow jobs delete 17
        """,
        DATABASE,
        5,
    ),
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@config_option
def command(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    """Delete jobs that do not run.

    Their payloads, errors and results are gone then; to stop a job and keep its history, cancel it.
    """
    return asyncio.run(_delete(ids, as_json, config))


async def _delete(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    async with opened(config) as flow:

        async def act(id: str) -> Json:
            await flow.delete(id)
            note(f"job {id} is deleted")
            return {"id": id}

        return await for_each(ids, act, as_json)

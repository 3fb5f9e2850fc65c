"""`kongflow jobs retry`: run finished jobs again, or waiting ones now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.jobs.several import for_each
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import note
from kongflow.core.json import Json


@click.command(
    "retry",
    epilog=epilogue(
        """
        kongflow jobs retry 17
        kongflow jobs retry 17 18 19
        """,
        DATABASE,
        5,
    ),
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@config_option
def command(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    """Run finished jobs again, from attempt 0; or waiting ones now.

    The id stays the same, earlier errors are kept, and the payload is checked against the schema of today.
    """
    return asyncio.run(_retry(ids, as_json, config))


async def _retry(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    async with opened(config) as flow:

        async def act(id: str) -> Json:
            job = await flow.retry(id)
            note(f"job {job.id} ({job.task}) is {job.state} again")
            return job_json(job, flow.catalog)

        return await for_each(ids, act, as_json)

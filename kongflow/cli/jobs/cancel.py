"""`kongflow jobs cancel`: cancel waiting jobs, and ask running ones to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.jobs.several import for_each
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import note
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json


@click.command(
    "cancel",
    epilog=epilogue(
        """
        kongflow jobs cancel 17
        kongflow jobs cancel 17 18 19 --json
        """,
        DATABASE,
        5,
    ),
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@config_option
def command(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    """Cancel waiting jobs; ask running ones to stop.

    A finished job stays as it is.
    """
    return asyncio.run(_cancel(ids, as_json, config))


async def _cancel(ids: tuple[str, ...], as_json: bool, config: Path) -> int:
    async with opened(config) as flow:

        async def act(id: str) -> Json:
            job = await flow.cancel(id)
            note(f"job {job.id} ({job.task}) {_what_became(job)}")
            return job_json(job, flow.catalog)

        return await for_each(ids, act, as_json)


def _what_became(job: Job) -> str:
    if job.state is JobState.CANCELLED:
        return "is cancelled"
    if job.state.is_final:
        return f"had already {job.state}"
    return "is running and was asked to stop"

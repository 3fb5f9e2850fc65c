"""`kongflow jobs wait`: block until jobs have ended; the exit code is their outcome."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.jobs.several import for_each
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, config_option, duration, epilogue, json_option, opened
from kongflow.core.json import Json


@click.command(
    "wait",
    epilog=epilogue(
        """
        kongflow jobs wait 17 --timeout 5m
        kongflow jobs wait 17 18 && echo both succeeded
        """,
        DATABASE,
        5,
        10,
        11,
        124,
        130,
    ),
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--timeout", type=duration, metavar="DURATION", help="Stop waiting after this long, for each job.")
@json_option
@config_option
def command(ids: tuple[str, ...], timeout: float | None, as_json: bool, config: Path) -> int:
    """Wait until jobs have ended; the exit code says how.

    The outcome of an awaited job stays readable for 10 minutes, whatever its task keeps.
    """
    return asyncio.run(_wait(ids, timeout, as_json, config))


async def _wait(ids: tuple[str, ...], patience: float | None, as_json: bool, config: Path) -> int:
    from kongflow.cli.jobs.waiting import AWAITED_EXIT_CODES, WaitInterrupted, wait_and_tell

    outcomes: list[int] = []
    going_on = list(dict.fromkeys(ids))
    async with opened(config, looking=True) as flow:  # no tables are made to find no job in them
        await flow.initialize()  # the job is told that somebody waits

        async def act(id: str) -> Json:
            job = await wait_and_tell(flow, id, patience)
            going_on.remove(id)
            outcomes.append(AWAITED_EXIT_CODES[job.state])
            return job_json(job, flow.catalog)

        try:
            code = await for_each(ids, act, as_json)
        except asyncio.CancelledError:  # Ctrl-C: nothing else cancels a command
            raise WaitInterrupted(going_on) from None
    return code or min(filter(None, outcomes), default=0)

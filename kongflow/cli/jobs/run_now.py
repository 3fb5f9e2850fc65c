"""`kongflow jobs run-now`: let jobs that wait for their time or their retry start now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from kongflow.cli.jobs.change import Change, Changed
from kongflow.cli.jobs.changing import Selection, change_jobs, selection_options
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, epilogue

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@click.command(
    "run-now",
    epilog=epilogue(
        """
        kongflow jobs run-now 17
        kongflow jobs run-now --filter 'state:retrying queue:mail' --yes
        """,
        DATABASE,
        5,
        130,
    ),
)
@selection_options
def command(**selection: Unpack[Selection]) -> int:
    """Let jobs that wait for their time or their retry start now.

    Its attempts are kept. One that may start already keeps its place.
    """
    return change_jobs(Change("run", _run_now, live_only=True), selection)


async def _run_now(flow: KongFlow, id: str) -> Changed:
    job = await flow.run_now(id)
    return Changed("may_start", f"job {job.id} ({job.task}) is {job.state}", job_json(job, flow.catalog), job)

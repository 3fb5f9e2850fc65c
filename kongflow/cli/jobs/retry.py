"""`kongflow jobs retry`: run finished jobs again, or waiting ones now."""

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
    "retry",
    epilog=epilogue(
        """
        kongflow jobs retry 17
        kongflow jobs retry 17 18 19
        kongflow jobs retry --filter 'state:failed error:~timeout since:2h' --dry-run
        kongflow jobs retry --filter 'state:failed error:~timeout since:2h' --yes
        """,
        DATABASE,
        5,
        130,
    ),
)
@selection_options
def command(**selection: Unpack[Selection]) -> int:
    """Run finished jobs again, from attempt 0; or waiting ones now.

    The id stays the same, earlier attempts are kept, and the payload is checked against the schema of today. A filter
    must say which states it means.
    """
    return change_jobs(Change("retry", _retry, needs_states=True), selection)


async def _retry(flow: KongFlow, id: str) -> Changed:
    job = await flow.retry(id)
    return Changed("retried", f"job {job.id} ({job.task}) is {job.state} again", job_json(job, flow.catalog), job)

"""`kongflow jobs cancel`: cancel waiting jobs, and ask running ones to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from kongflow.cli.jobs.change import Change, Changed
from kongflow.cli.jobs.changing import Selection, change_jobs, selection_options
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, epilogue
from kongflow.core.job import JobState

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@click.command(
    "cancel",
    epilog=epilogue(
        """
        kongflow jobs cancel 17
        kongflow jobs cancel 17 18 19 --json
        kongflow jobs cancel --filter 'task:scheduleEmail payload.to:ada@example.com' --dry-run
        """,
        DATABASE,
        5,
        130,
    ),
)
@selection_options
def command(**selection: Unpack[Selection]) -> int:
    """Cancel waiting jobs; ask running ones to stop.

    A finished job stays as it is.
    """
    return change_jobs(Change("cancel", _cancel, live_only=True), selection)


async def _cancel(flow: KongFlow, id: str) -> Changed:
    job = await flow.cancel(id)
    if job.state is JobState.CANCELLED:
        outcome, what = "cancelled", "is cancelled"
    elif job.state.is_final:
        outcome, what = "had_ended", f"had already {job.state}"
    else:
        outcome, what = "asked_to_stop", "is running and was asked to stop"
    return Changed(outcome, f"job {job.id} ({job.task}) {what}", job_json(job, flow.catalog))

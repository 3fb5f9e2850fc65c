"""`kongflow jobs reschedule`: let waiting jobs start at another time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack

import click

from kongflow.cli.jobs.change import Change, Changed
from kongflow.cli.jobs.changing import Selection, change_jobs, selection_options
from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, duration, epilogue, instant
from kongflow.cli.output import iso

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@click.command(
    "reschedule",
    epilog=epilogue(
        """
        kongflow jobs reschedule 17 --in 2h
        kongflow jobs reschedule --filter 'queue:mail' --at 2026-11-25T06:00:00+01:00 --yes
        """,
        DATABASE,
        5,
        130,
    ),
)
@click.option("--in", "delay", type=duration, metavar="DURATION", help="Start after this long, such as 2h.")
@click.option("--at", type=instant, metavar="INSTANT", help="Start at this time, such as 2026-11-24T09:30:00+01:00.")
@selection_options
def command(delay: float | None, at: datetime | None, **selection: Unpack[Selection]) -> int:
    """Let waiting jobs start at another time.

    Its attempts are kept. A running job is left alone.
    """
    if (delay is None) == (at is None):
        raise click.UsageError("say when: --in or --at" if at is None else "--in and --at exclude each other")

    when = at or timedelta(seconds=delay or 0.0)

    async def reschedule(flow: KongFlow, id: str) -> Changed:
        job = await flow.reschedule(id, when)
        line = f"job {job.id} ({job.task}) is {job.state}, starts at {iso(job.run_at)}"
        return Changed("rescheduled", line, job_json(job, flow.catalog), job)

    return change_jobs(Change("reschedule", reschedule, live_only=True), selection)

"""`kongflow jobs`: the group; a file for each of its commands."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (
    Entry("list", "kongflow.cli.jobs.list", "List jobs, newest first."),
    Entry("show", "kongflow.cli.jobs.show", "Show one job: state, timeline, attempts, result."),
    Entry("retry", "kongflow.cli.jobs.retry", "Run finished jobs again, from attempt 0; or waiting ones now."),
    Entry("run-now", "kongflow.cli.jobs.run_now", "Let jobs that wait for their time or their retry start now."),
    Entry("reschedule", "kongflow.cli.jobs.reschedule", "Let waiting jobs start at another time."),
    Entry("cancel", "kongflow.cli.jobs.cancel", "Cancel waiting jobs; ask running ones to stop."),
    Entry("delete", "kongflow.cli.jobs.delete", "Delete jobs that do not run."),
    Entry("wait", "kongflow.cli.jobs.wait", "Wait until jobs have ended; the exit code says how."),
)


@click.group(
    "jobs",
    cls=LazyGroup,
    entries=ENTRIES,
    epilog=epilogue(
        """
        kongflow jobs list --state failed --since 1d
        kongflow jobs show 17
        kongflow jobs retry 17
        kongflow jobs retry --filter 'state:failed error:~timeout since:2h' --dry-run
        """,
        DATABASE,
        5,
        10,
        11,
        124,
        130,
    ),
)
def command() -> None:
    """List, show, retry, reschedule, cancel and await jobs."""

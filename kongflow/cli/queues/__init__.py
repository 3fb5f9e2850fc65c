"""`kongflow queues`: the group."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (Entry("list", "kongflow.cli.queues.list", "List queues: declared and effective limits, jobs by state."),)


@click.group("queues", cls=LazyGroup, entries=ENTRIES, epilog=epilogue("kongflow queues list", DATABASE))
def command() -> None:
    """List queues with their limits and their jobs."""

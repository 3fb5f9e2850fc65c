"""`kongflow workers`: the group."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (Entry("list", "kongflow.cli.workers.list", "List the runners: alive or not, what they serve and run."),)


@click.group("workers", cls=LazyGroup, entries=ENTRIES, epilog=epilogue("kongflow workers list", DATABASE))
def command() -> None:
    """List the runners."""

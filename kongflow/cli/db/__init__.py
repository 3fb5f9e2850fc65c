"""`kongflow db`: the group; a file for each of its commands."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (
    Entry("upgrade", "kongflow.cli.db.upgrade", "Apply every missing migration."),
    Entry("status", "kongflow.cli.db.status", "Compare the tables with this release; exit 4 if they differ."),
    Entry("sql", "kongflow.cli.db.sql", "Print the SQL that makes the tables; connects to nothing."),
)


@click.group(
    "db", cls=LazyGroup, entries=ENTRIES, epilog=epilogue("kongflow db status || kongflow db upgrade", DATABASE)
)
def command() -> None:
    """Upgrade the tables, show their state, or print them as SQL."""

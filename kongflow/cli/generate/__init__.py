"""`kongflow generate`: the group; a file for each of its commands."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import CONFIG, epilogue

ENTRIES = (Entry("python", "kongflow.cli.generate.python", "Write a typed client for Python."),)


@click.group(
    "generate", cls=LazyGroup, entries=ENTRIES, epilog=epilogue("kongflow generate python -o jobs_client.py", CONFIG)
)
def command() -> None:
    """Write code from the configuration."""

"""`kongflow queues`: the group."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (
    Entry("list", "kongflow.cli.queues.list", "List queues: declared and effective limits, pauses, jobs by state."),
    Entry("pause", "kongflow.cli.queues.pause", "Let nothing of a queue or pattern start, in the whole cluster."),
    Entry("resume", "kongflow.cli.queues.resume", "Let a paused queue or pattern start jobs again."),
)

EXAMPLES = """
kongflow queues list
kongflow queues pause mail --reason "the provider is down"
"""


@click.group("queues", cls=LazyGroup, entries=ENTRIES, epilog=epilogue(EXAMPLES, DATABASE, 5))
def command() -> None:
    """List queues with their limits and their jobs; pause and resume them."""

"""`kongflow schedules`: the group."""

from __future__ import annotations

import click

from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue

ENTRIES = (
    Entry("list", "kongflow.cli.schedules.list", "List schedules: their next slots, and what became of the last ones."),
    Entry("next", "kongflow.cli.schedules.next", "Show the next slots of a schedule."),
    Entry("run", "kongflow.cli.schedules.run", "Let a schedule add its job now, and print the job's id."),
    Entry("pause", "kongflow.cli.schedules.pause", "Let the slots of a schedule add nothing, in the whole cluster."),
    Entry("resume", "kongflow.cli.schedules.resume", "Let a paused schedule add jobs again."),
)

EXAMPLES = """
kongflow schedules list
kongflow schedules next nightly -n 3
kongflow schedules pause nightly --reason "moving house"
"""


@click.group("schedules", cls=LazyGroup, entries=ENTRIES, epilog=epilogue(EXAMPLES, DATABASE, 5))
def command() -> None:
    """List schedules; run, pause and resume them."""

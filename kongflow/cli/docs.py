"""`kongflow docs`: the catalogue in Markdown."""

from __future__ import annotations

from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, load_portable
from kongflow.cli.written import Written, written_options


@click.command(
    "docs",
    epilog=epilogue(
        """
        kongflow docs -o docs/catalog.md
        kongflow docs -o docs/catalog.md --check
        """,
        CONFIG,
    ),
)
@written_options
@config_option
def command(written: Written, config: Path) -> None:
    """Write the catalogue in Markdown.

    Every task with its payload, result, examples and retries; queues, retry policies, schedules, the names of secrets,
    and tasks that are gone.
    """
    from kongflow.generate.markdown import MARK, markdown

    written.deliver(markdown(load_portable(config)), MARK)

"""`kongflow generate python`: a module by which type checkers check who adds jobs."""

from __future__ import annotations

from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, load_catalog
from kongflow.cli.written import Written, written_options


@click.command(
    "python",
    epilog=epilogue(
        """
        kongflow generate python -o jobs_client.py
        kongflow generate python -o jobs_client.py --check
        """,
        CONFIG,
    ),
)
@written_options
@config_option
def command(written: Written, config: Path) -> None:
    """Write a typed client for Python.

    A module with the types of every payload and result, and a client whose `enqueue` takes them and nothing else, so
    that mypy and pyright find a misspelt task, a missing key and a value of the wrong type. It imports nothing but the
    standard library.
    """
    from kongflow.generate.python_client import MARK, python_client

    written.deliver(python_client(load_catalog(config)), MARK)

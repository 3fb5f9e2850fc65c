"""`kongflow jobs delete`: remove jobs that do not run, with everything known about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from kongflow.cli.jobs.change import Change, Changed
from kongflow.cli.jobs.changing import Selection, change_jobs, selection_options
from kongflow.cli.options import DATABASE, epilogue

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@click.command(
    "delete",
    epilog=epilogue(
        """
        kongflow jobs delete 17
        kongflow jobs delete --filter 'state:succeeded task:indexEndpoint until:7d' --dry-run
        """,
        DATABASE,
        5,
        130,
    ),
)
@selection_options
def command(**selection: Unpack[Selection]) -> int:
    """Delete jobs that do not run.

    Their payloads, errors and results are gone then; to stop a job and keep its history, cancel it. A filter must say
    which states it means.
    """
    return change_jobs(Change("delete", _delete, needs_states=True), selection)


async def _delete(flow: KongFlow, id: str) -> Changed:
    await flow.delete(id)
    return Changed("deleted", f"job {id} is deleted", {"id": id})

"""What the commands that change jobs have in common: ids or a filter, `--dry-run`, `--yes`, `--json`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click

from kongflow.cli.jobs.change import Change
from kongflow.cli.jobs.several import for_each
from kongflow.cli.options import config_option, filter_option, json_option, opened
from kongflow.cli.output import note
from kongflow.core.job import Job
from kongflow.core.json import Json

F = TypeVar("F", bound=Callable[..., Any])


class Selection(TypedDict):
    """Which jobs, and how to go about it."""

    ids: tuple[str, ...]
    filter: str | None
    dry_run: bool
    yes: bool
    as_json: bool
    config: Path


def selection_options(function: F) -> F:
    """Add `ID...`, `--filter`, `--dry-run`, `--yes`, `--json` and `--config` to a command."""
    for option in (
        config_option,
        json_option,
        click.option("-y", "--yes", is_flag=True, help="With --filter: do not ask."),
        click.option("--dry-run", is_flag=True, help="Only count the jobs, by state and task."),
        filter_option,
        click.argument("ids", nargs=-1, metavar="[ID]..."),
    ):
        function = option(function)
    return function


def change_jobs(change: Change, selection: Selection) -> int:
    """Do it to the jobs that are meant, and return the exit code."""
    if bool(selection["ids"]) == (selection["filter"] is not None):
        raise click.UsageError("give ids, or a --filter" + (", not both" if selection["ids"] else ""))
    return asyncio.run(_change(change, selection))


async def _change(change: Change, selection: Selection) -> int:
    from kongflow.cli.jobs.matching import Matching, count_ids
    from kongflow.cli.serving import warn_if_unserved

    async with opened(selection["config"], looking=selection["dry_run"]) as flow:
        if selection["filter"] is not None:
            matching = Matching(flow, change, selection["filter"], selection["as_json"])
            return await (matching.count() if selection["dry_run"] else matching.change_all(yes=selection["yes"]))
        if selection["dry_run"]:
            return await count_ids(flow, change, selection["ids"], selection["as_json"])

        waiting: list[Job] = []

        async def act(id: str) -> Json:
            changed = await change.act(flow, id)
            note(changed.line)
            if changed.waits is not None:
                waiting.append(changed.waits)
            return changed.job

        code = await for_each(selection["ids"], act, selection["as_json"])
        await warn_if_unserved(flow, waiting)
        return code

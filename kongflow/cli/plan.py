"""`kongflow plan`: what a deploy would change in the database, and which of the jobs that wait it would break."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, load_catalog
from kongflow.cli.output import emit_json
from kongflow.cli.plan_text import plan_lines, plan_markdown
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for annotations: they load the database's libraries
    from kongflow.engine.plan.change import Jobs, Plan

BLOCKED, CHANGED = 1, 6
_EVERY = 0.2
"""Seconds between two words about how far it is."""


@click.command(
    "plan",
    epilog=epilogue(
        """
        kongflow plan
        kongflow plan --detailed-exitcode || echo "exit code $?"
        kongflow plan --markdown > plan.md
        kongflow plan --json | jq '.changes[] | select(.effect == "blocks")'
        """,
        DATABASE,
        5,
        6,
    ),
)
@click.option("--queues", metavar="NAMES", help="Queues that the runners will serve, where `run --queues` says so.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit code 6 where something changes, and nothing blocks.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@json_option
@config_option
def command(queues: str | None, detailed_exitcode: bool, markdown: bool, as_json: bool, config: Path) -> int:
    """Say what a deploy would change, and what it would break.

    The configuration is compared with the one in force, which the runners have published, and every job that has not
    ended is checked as a runner with this configuration would. Nothing is written, and nobody is held up.

    Exit code 1 if something blocks: waiting jobs would fail, or be run by nobody. What is wrong already, and stays as
    it is, is told and blocks nothing.
    """
    if markdown and as_json:
        raise click.UsageError("give --markdown or --json, not both")
    names = None if queues is None else [name.strip() for name in queues.split(",") if name.strip()]
    plan = asyncio.run(_plan(config, names))
    if as_json:
        emit_json(_shape(plan))
    elif markdown:
        click.echo(plan_markdown(plan))
    else:
        for line in plan_lines(plan):
            click.echo(line)
    if plan.blocks:
        return BLOCKED
    return CHANGED if detailed_exitcode and not plan.is_empty else 0


async def _plan(config: Path, queues: Sequence[str] | None) -> Plan:
    from kongflow.app import KongFlow
    from kongflow.engine.arguments import with_overrides
    from kongflow.engine.plan.plan import make_plan, plan_without_tables
    from kongflow.errors import SchemaMissing

    catalog = with_overrides(load_catalog(config), queues, None)
    flow = KongFlow(catalog)
    try:
        await flow.initialize(looking=True)
    except SchemaMissing:
        return plan_without_tables(catalog, flow.store.place)
    try:
        with _progress() as progress:
            return await make_plan(flow.store, catalog, progress.tell)
    finally:
        await flow.stop()


class _Progress:
    """One line on stderr that says how far it is, where a person reads it and it takes its time."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY
        self._is_shown = False

    def tell(self, checked: int) -> None:
        """Say how many jobs were checked."""
        if time.monotonic() >= self._next and sys.stderr is not None and sys.stderr.isatty():
            click.echo(f"\r{checked:,} jobs checked …", err=True, nl=False)
            self._next, self._is_shown = time.monotonic() + _EVERY, True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def _progress() -> Iterator[_Progress]:
    progress = _Progress()
    try:
        yield progress
    finally:
        progress.clear()


def _shape(plan: Plan) -> dict[str, Json]:
    return {
        "verdict": "blocks" if plan.blocks else "no_change" if plan.is_empty else "changes",
        "checked": plan.checked,
        "changes": [
            {
                "kind": str(change.kind),
                "subject": change.subject or None,
                "effect": str(change.effect),
                "what": change.what,
                **_jobs(change.jobs),
                "remedy": change.remedy or None,
                "differences": [
                    {"field": each.field, "before": each.before, "after": each.after} for each in change.differences
                ],
                "reasons": [{"what": each.what, **_jobs(each.jobs)} for each in change.details],
            }
            for change in plan.changes
        ],
        "notes": list(plan.notes),
    }


def _jobs(jobs: Jobs) -> dict[str, Json]:
    return {"waiting": jobs.waiting, "running": jobs.running, "first_jobs": list(jobs.first)}

"""`kongflow jobs list`: find jobs by state, task, queue, key, tag and age."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import click

from kongflow.cli.jobs.shape import attempts_text, error_line, job_json, state_word
from kongflow.cli.options import DATABASE, age_or_instant, config_option, epilogue, filter_option, json_option, opened
from kongflow.cli.output import emit_items, escape, note, print_table, relative
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.store.records import Page


class Filters(TypedDict):
    """The options that say which jobs."""

    states: tuple[str, ...]
    task: str | None
    queue: str | None
    key: str | None
    tag: str | None
    since: datetime | None
    filter: str | None
    limit: int
    cursor: str | None


_LANGUAGE = """\b
A filter is made of qualifiers; all of them must hold, and so must the other options:
  task:NAME queue: key: tag: flag: schedule:  the name; NAME* begins so; ~PART contains it
  state:failed,retrying reason:     any of these
  payload.user.id:42                a value of the payload; also ~, *, >, >=, <, <=
  payload:~PART error:~PART         the whole payload; the last error (error:NAME: its type)
  attempt:>3 claims: crashes:       numbers; also priority:
  since:2h until:INSTANT            when the job was added
  id:17,18                          or the number alone; a word alone is a part of a task's name
A comma is OR, a leading - is NOT; "quotes" keep spaces, commas and stars.

"""


@click.command(
    "list",
    epilog=_LANGUAGE
    + epilogue(
        """
        kongflow jobs list --state failed --since 1d
        kongflow jobs list --task startRun --queue runs:42 --limit 200
        kongflow jobs list --tag customer:7 --json
        kongflow jobs list -f 'state:failed -tag:canary payload.user.id:42 error:~timeout'
        """,
        DATABASE,
    ),
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState]),
    help="Repeat for several.",
)
@click.option("--task", metavar="NAME", help="Only this task.")
@click.option("--queue", metavar="NAME", help="Only this concrete queue.")
@click.option("--key", metavar="KEY", help="Only this job key.")
@click.option("--tag", metavar="TAG", help="Only jobs with this tag.")
@click.option("--since", type=age_or_instant, metavar="WHEN", help="Added since: 1h, 2d, or 2026-11-24T09:30:00Z.")
@filter_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@click.option("--cursor", metavar="CURSOR", help="Go on where the page before ended.")
@json_option
@config_option
def command(config: Path, as_json: bool, **filters: Unpack[Filters]) -> None:
    """List jobs, newest first."""
    asyncio.run(_list(config, as_json, filters))


async def _list(config: Path, as_json: bool, filters: Filters) -> None:
    async with opened(config, looking=True) as flow:
        page = await flow.jobs(**filters)
    if as_json:
        emit_items([job_json(job, flow.catalog) for job in page.items], page.next_cursor)
    else:
        _print(page, flow.catalog)


def _print(page: Page, catalog: Catalog) -> None:
    if not page.items:
        note("no jobs match")
        return
    now = datetime.now(UTC)
    headers = ("ID", "STATE", "TASK", "QUEUE", "ATTEMPT", "WHEN", "KEY", "LAST ERROR")
    print_table(headers, [_row(job, catalog, now) for job in page.items])
    if page.next_cursor is not None:
        note(f"there are more: --cursor {page.next_cursor}")


def _row(job: Job, catalog: Catalog, now: datetime) -> tuple[str, ...]:
    when = job.finished_at or job.claimed_at or job.run_at
    return (
        job.id,
        state_word(job.state),
        escape(job.task),
        escape(job.queue or "-"),
        attempts_text(job, catalog),
        relative(when, now),
        escape(job.key or "-"),
        "" if job.error is None or job.state is JobState.SUCCEEDED else error_line(job.error),
    )

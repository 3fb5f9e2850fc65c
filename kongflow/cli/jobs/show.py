"""`kongflow jobs show`: everything about one job that helps at night: why it failed, and when what happened."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kongflow.cli.jobs.attempts import print_attempts
from kongflow.cli.jobs.shape import attempts_text, error_line, job_json, outcome_text
from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_json, escape, hint, iso, json_text, relative
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for an annotation: it loads the database's libraries
    from kongflow.app import KongFlow


@click.command(
    "show",
    epilog=epilogue(
        """
        kongflow jobs show 17
        kongflow jobs show 17 --payload
        kongflow jobs show 17 --json | jq .attempts
        """,
        DATABASE,
        5,
    ),
)
@click.argument("id")
@click.option("--payload", "with_payload", is_flag=True, help="Print the payload too.")
@json_option
@config_option
def command(id: str, with_payload: bool, as_json: bool, config: Path) -> None:
    """Show one job: state, timeline, attempts, result."""
    asyncio.run(_show(id, with_payload, as_json, config))


async def _show(id: str, with_payload: bool, as_json: bool, config: Path) -> None:
    async with opened(config, looking=True) as flow:
        job = await flow.get(id)
        waits_for = await _waits_for(flow, job)
    if as_json:
        emit_json(job_json(job, flow.catalog, history=True))
        return
    _print_facts(job, flow.catalog, waits_for)
    _print_timeline(job)
    print_attempts(job.attempts)
    if with_payload:
        _print_value("payload", job.payload)
    if job.state is JobState.SUCCEEDED:
        _print_value("result", job.result)
    if job.state is JobState.FAILED:
        hint(f"run it again: kongflow jobs retry {job.id}")


async def _waits_for(flow: KongFlow, job: Job) -> str:
    """Say why a job that may start does not; empty where a living runner takes it."""
    from kongflow.cli.serving import unserved

    if job.state not in (JobState.UNROUTED, JobState.READY, JobState.BLOCKED):
        return ""
    return ", ".join(await unserved(flow, [job]))


def _print_facts(job: Job, catalog: Catalog, waits_for: str) -> None:
    facts = {
        "job": job.id,
        "task": job.task,
        "state": outcome_text(job),
        "waits": waits_for,
        "queue": job.queue or "-",
        "priority": str(job.priority),
        "attempt": attempts_text(job, catalog),
        "starts": f"{job.claims} in all, also those that used up no attempt" if job.claims > job.attempt else "",
        "crashes": str(job.crashes) if job.crashes else "",
        "schedule": job.schedule or "",
        "key": job.key or "",
        "tags": ", ".join(job.tags),
        "flags": ", ".join(job.flags),
        "progress": "" if job.progress is None else json_text(job.progress),
        "runner": job.runner or "",
        "cancel": "requested" if job.cancel_requested and not job.state.is_final else "",
        "overrun": "past its time limit and still going" if job.overrunning else "",
    }
    for name, value in facts.items():
        if value:
            click.echo(f"{name:<9} {escape(value)}")


def _print_timeline(job: Job) -> None:
    moments = [(job.created_at, "added")]
    for attempt in job.attempts:
        if attempt.started_at is not None:
            moments.append((attempt.started_at, _started(attempt.attempt, attempt.runner)))
        error = "" if attempt.error is None else f": {error_line(attempt.error)}"
        moments.append((attempt.ended_at, f"attempt {attempt.attempt} {attempt.outcome}{error}"))
    if job.state is JobState.RUNNING and job.claimed_at is not None:
        moments.append((job.claimed_at, _started(job.attempt, job.runner)))
    if job.finished_at is not None:
        moments.append((job.finished_at, str(job.state)))
    elif job.state is not JobState.RUNNING:
        moments.append((job.run_at, "may start"))
    now = datetime.now(UTC)
    click.echo("\ntimeline")
    for instant, what in sorted(moments, key=lambda moment: moment[0]):
        click.echo(f"  {iso(instant)}  {relative(instant, now):>10}  {what}")


def _started(attempt: int, runner: str | None) -> str:
    return f"attempt {attempt} started on {escape(runner or 'a runner')}"


def _print_value(name: str, value: Json) -> None:
    click.echo(f"\n{name}")
    click.echo(_indented(escape(json.dumps(value, ensure_ascii=False, indent=2), keep_layout=True)))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())

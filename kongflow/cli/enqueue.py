"""`kongflow enqueue`: add a job, or a batch of them, and wait for the outcome where asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict, Unpack

import click

from kongflow.cli.jobs.shape import job_json
from kongflow.cli.options import DATABASE, config_option, duration, epilogue, instant, json_option, opened
from kongflow.cli.output import emit_items, emit_json, emit_json_line, hint, iso, note
from kongflow.cli.payload import payload_arguments, read_payload
from kongflow.core.job import Job, JobOptions, JobState
from kongflow.core.task import JobKeyMode


class Given(TypedDict):
    """The options of the command that become options of the job."""

    delay: float | None
    at: datetime | None
    key: str | None
    key_mode: str | None
    queue: str | None
    priority: int | None
    max_attempts: int | None
    flags: tuple[str, ...]
    tags: tuple[str, ...]


@click.command(
    "enqueue",
    epilog=epilogue(
        """
        kongflow enqueue greet '{"name": "Ada"}'
        kongflow enqueue greet --arg name=Ada --in 5m --key greet:ada
        kongflow enqueue greet @ada.json --wait --timeout 30s
        jq -c '{task: "greet", payload: .}' people.jsonl | kongflow enqueue --batch -
        """,
        DATABASE,
        5,
        10,
        11,
        124,
        130,
    ),
)
@click.argument("task", required=False)
@payload_arguments
@click.option("--in", "delay", type=duration, metavar="DURATION", help="Run after this long, such as 5m.")
@click.option("--at", type=instant, metavar="INSTANT", help="Run at this time, such as 2026-11-24T09:30:00+01:00.")
@click.option("--key", metavar="KEY", help="Job key: at most one job of it waits.")
@click.option(
    "--key-mode",
    type=click.Choice([mode.value for mode in JobKeyMode]),
    help="What to do where a job of the key waits.",
)
@click.option("--queue", metavar="NAME", help="A concrete queue name.")
@click.option("--priority", type=int, metavar="N", help="Lower runs first.")
@click.option("--max-attempts", type=int, metavar="N", help="How often it may be tried.")
@click.option("--flag", "flags", multiple=True, metavar="FLAG", help="Repeatable.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Repeatable.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the end; print the result.")
@click.option("--timeout", type=duration, metavar="DURATION", help="With --wait: stop waiting after this long.")
@click.option("--batch", metavar="FILE|-", help="Add one job a line of JSON; see above.")
@json_option
@config_option
def command(
    task: str | None,
    payload: str | None,
    args: tuple[str, ...],
    waits: bool,
    timeout: float | None,
    batch: str | None,
    as_json: bool,
    config: Path,
    **given: Unpack[Given],
) -> int:
    """Add a job and print its id.

    With --wait, print its result and exit with its outcome.

    A line of --batch is an object: "task" and, where needed, "payload", "run_at" (a duration such as "5m", or an
    instant), "queue", "priority", "max_attempts", "job_key", "job_key_mode", "flags" and "tags" (lists). All lines are
    added, or none; bad ones are listed with their numbers.
    """
    if timeout is not None and not waits:
        raise click.UsageError("--timeout belongs to --wait")
    if batch is not None:
        if task is not None or args or waits or any(value not in (None, ()) for value in given.values()):
            raise click.UsageError("--batch takes task, payload and options from its lines; give nothing else with it")
        return asyncio.run(_add_batch(config, batch, as_json))
    if task is None:
        raise click.UsageError("name a TASK, or give --batch")
    options = _options(given)
    return asyncio.run(_add(config, task, payload, args, options, waits, timeout, as_json))


def _options(given: Given) -> JobOptions:
    from kongflow.engine.client import job_options

    if given["delay"] is not None and given["at"] is not None:
        raise click.UsageError("--in and --at exclude each other")
    delay = given["delay"]
    return job_options(
        {
            "run_at": given["at"] if delay is None else timedelta(seconds=delay),
            "queue": given["queue"],
            "priority": given["priority"],
            "max_attempts": given["max_attempts"],
            "job_key": given["key"],
            "job_key_mode": given["key_mode"],
            "flags": given["flags"] or None,
            "tags": given["tags"] or None,
        }
    )


async def _add(
    config: Path,
    task: str,
    payload: str | None,
    args: Sequence[str],
    options: JobOptions,
    waits: bool,
    patience: float | None,
    as_json: bool,
) -> int:
    from kongflow.cli.jobs.waiting import AWAITED_EXIT_CODES, WaitInterrupted, wait_and_tell
    from kongflow.cli.serving import warn_if_unserved

    async with opened(config) as flow:
        value = read_payload(flow.catalog.task(task), payload, args)
        (job,) = await flow.client.add([flow.client.prepare(task, value, options, awaited=waits)])
        _tell(job)
        await warn_if_unserved(flow, [job])
        if waits:
            try:
                job = await wait_and_tell(flow, job.id, patience)
            except asyncio.CancelledError:  # Ctrl-C: nothing else cancels a command
                raise WaitInterrupted([job.id]) from None
    with _added_all_the_same([job]):
        if as_json:
            emit_json(job_json(job, flow.catalog))
        elif not waits:
            click.echo(job.id)
            hint(f"kongflow jobs show {job.id}")
        elif job.state is JobState.SUCCEEDED:
            emit_json_line(job.result)
    return AWAITED_EXIT_CODES[job.state] if waits else 0


async def _add_batch(config: Path, source: str, as_json: bool) -> int:
    from kongflow.cli.batch import read_batch
    from kongflow.cli.serving import warn_if_unserved

    async with opened(config) as flow:
        jobs = await flow.client.add(read_batch(source, flow.client))
        created = sum(job.created for job in jobs)
        there = f"; {len(jobs) - created} had a job of their key already" if created < len(jobs) else ""
        note(f"added {created} {'job' if created == 1 else 'jobs'}{there}")
        await warn_if_unserved(flow, jobs)
    with _added_all_the_same(jobs):
        if as_json:
            emit_items([job_json(job, flow.catalog) for job in jobs])
        else:
            for job in jobs:
                click.echo(job.id)
    return 0


@contextmanager
def _added_all_the_same(jobs: Sequence[Job]) -> Iterator[None]:
    """Let an output that cannot be written say which jobs exist, so that nobody adds them again."""
    try:
        yield
    except OSError as problem:
        ids = ", ".join(job.id for job in jobs)
        raise OSError(problem.errno, f"{problem.strerror}. Added all the same: {ids}") from problem


def _tell(job: Job) -> None:
    if job.created:
        where = "without a queue" if job.queue is None else f"on queue {job.queue}"
        when = f", starts at {iso(job.run_at)}" if job.state is JobState.SCHEDULED else ""
        note(f"added {job.task} as job {job.id} {where}{when}")
    else:
        note(f"the key {job.key} has job {job.id} already; it is {job.state}")

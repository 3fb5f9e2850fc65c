"""`kongflow render`: what would become of a payload, without a database."""

from __future__ import annotations

from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, json_option, load_catalog
from kongflow.cli.output import emit_json, escape, json_text
from kongflow.cli.payload import payload_arguments, read_payload
from kongflow.cli.retries import delays_json, print_delays, tell_limits
from kongflow.core.duration import format_duration
from kongflow.core.job import JobOptions, NewJob
from kongflow.core.json import Json, load
from kongflow.core.new_job import new_job
from kongflow.core.queue import Queue
from kongflow.core.task import Task


@click.command(
    "render",
    epilog=epilogue(
        """
        kongflow render startRun '{"id": "run_1"}'
        kongflow render startRun --arg id=run_1 --json
        """,
        CONFIG,
        5,
    ),
)
@click.argument("task")
@payload_arguments
@json_option
@config_option
def command(task: str, payload: str | None, args: tuple[str, ...], as_json: bool, config: Path) -> None:
    """Show the queue, key and retry times that a payload would get.

    The payload is validated as `enqueue` would; nothing is added.
    """
    catalog = load_catalog(config)
    declared = catalog.task(task)
    job = new_job(catalog, task, read_payload(declared, payload, args), JobOptions())
    rule = None if job.queue is None else catalog.queues.rule(job.queue)
    if as_json:
        emit_json(_shape(job, rule, declared))
    else:
        _print(job, rule, declared)


def _shape(job: NewJob, rule: Queue | None, task: Task) -> dict[str, Json]:
    return {
        "task": job.task,
        "handler": task.handler,
        "payload": load(job.payload),
        "queue": job.queue,
        "rule": None if rule is None else rule.name,
        "priority": job.priority,
        "key": job.job_key,
        "key_mode": None if job.job_key is None else str(job.job_key_mode),
        "flags": list(job.flags),
        "tags": list(job.tags),
        "timeout": task.timeout,
        "max_attempts": task.retry.max_attempts,
        "retries": delays_json(tuple(task.retry.windows())),
    }


def _print(job: NewJob, rule: Queue | None, task: Task) -> None:
    facts = {
        "task": job.task,
        "handler": task.handler,
        "payload": json_text(load(job.payload)),
        "queue": _queue(job.queue, rule),
        "priority": str(job.priority),
        "key": "-" if job.job_key is None else f"{job.job_key} ({job.job_key_mode})",
        "flags": ", ".join(job.flags) or "-",
        "tags": ", ".join(job.tags) or "-",
        "timeout": format_duration(task.timeout),
        "attempts": str(task.retry.max_attempts),
    }
    for name, value in facts.items():
        click.echo(f"{name:<9} {escape(value)}")
    click.echo()
    print_delays(tuple(task.retry.windows()))
    tell_limits(task.retry)


def _queue(queue: str | None, rule: Queue | None) -> str:
    if queue is None or rule is None:
        return queue or "-"
    limit = "unlimited" if rule.concurrency is None else f"{rule.concurrency} at once"
    by = f"by {rule.name}, " if rule.name != queue else ""
    return f"{queue} ({by}{limit})"

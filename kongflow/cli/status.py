"""`kongflow status`: one screen that says whether all is well, and if not, what is wrong and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_json, escape, note, print_table
from kongflow.cli.pauses import pause_json
from kongflow.core.duration import format_duration
from kongflow.core.json import Json

if TYPE_CHECKING:  # only for annotations: they load the database's libraries
    from kongflow.engine.problems import Problem
    from kongflow.engine.status import QueueStatus, Status
    from kongflow.store.records import Pause, RunnerView

UNHEALTHY = 1


@click.command(
    "status",
    epilog=epilogue(
        """
        kongflow status
        kongflow status --json | jq -r '.problems[].what'
        kongflow status > /dev/null || echo "somebody should look"
        """,
        DATABASE,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> int:
    """Say whether all is well, and if not, what to do.

    Exit code 1 if not, 3 if the database cannot be read. Not well is: jobs wait and no runner is alive, a runner has
    died, a queue is beyond its `max_wait`, jobs wait for a task that no living runner knows, for a runner that serves
    their queue and allows their flags, or in a queue that nothing declares; the last slot of a schedule failed, or is
    overdue. A pause is shown, and is no problem.
    """
    status = asyncio.run(_status(config))
    if as_json:
        emit_json(_shape(status))
    else:
        _print(status)
    return 0 if status.healthy else UNHEALTHY


async def _status(config: Path) -> Status:
    async with opened(config, looking=True) as flow:
        return await flow.status()


# --- text ------------------------------------------------------------------------------------------------------------


def _print(status: Status) -> None:
    shown = [
        queue for queue in status.queues if queue.queue is not None or queue.waiting or queue.later or queue.running
    ]
    if shown:
        print_table(
            ("QUEUE", "WAITING", "LATER", "RUNNING", "OLDEST", "MAX WAIT", "PAUSED"), [_cells(each) for each in shown]
        )
    alive, running = (sum(getattr(runner, each) for runner in status.runners) for each in ("alive", "running"))
    click.echo(f"{'' if not shown else chr(10)}runners  {alive} alive, {running} job{'s' * (running != 1)} running")
    for pause in status.pauses:
        click.echo(f"paused   {escape(pause.name)}{_by(pause)}; resume: kongflow queues resume {escape(pause.name)}")
    for pause in status.paused_schedules:
        click.echo(
            f"paused   schedule {escape(pause.name)}{_by(pause)}; resume: kongflow schedules resume {pause.name}"
        )
    for problem in status.problems:
        click.echo()
        click.echo(f"{click.style('✗', fg='red')} {_title(problem)}: {escape(problem.what)}")
        click.echo(f"  → {escape(problem.remedy)}")
    if status.left_out:
        click.echo(f"\n✗ and {status.left_out:,} more of these kinds")
    count = len(status.problems) + status.left_out
    note("all is well" if status.healthy else f"{count:,} {'problem' if count == 1 else 'problems'}")


def _cells(queue: QueueStatus) -> tuple[str, ...]:
    name = "(no queue)" if queue.queue is None else escape(queue.queue)
    return (
        name if queue.declared else f"{name} (undeclared)",
        f"{queue.waiting:,}",
        f"{queue.later:,}",
        f"{queue.running:,}",
        "-" if queue.oldest_wait is None else format_duration(round(queue.oldest_wait)),
        "-" if queue.max_wait is None else format_duration(queue.max_wait),
        "" if queue.pause is None else "yes",
    )


def _title(problem: Problem) -> str:
    subject = f" {escape(problem.subject)}" if problem.subject else ""
    return f"{str(problem.kind).replace('_', ' ')}{subject}"


def _by(pause: Pause) -> str:
    by = f" by {escape(pause.author)}" if pause.author else ""
    return f"{by}: {escape(pause.reason)}" if pause.reason else by


# --- JSON ------------------------------------------------------------------------------------------------------------


def _shape(status: Status) -> dict[str, Json]:
    return {
        "healthy": status.healthy,
        "problems": [
            {"kind": str(each.kind), "subject": each.subject or None, "what": each.what, "remedy": each.remedy}
            for each in status.problems
        ],
        "problems_left_out": status.left_out,
        "queues": [_queue_json(queue) for queue in status.queues],
        "runners": [_runner_json(runner) for runner in status.runners],
        "paused": [pause_json(pause) for pause in status.pauses],
        "paused_schedules": [pause_json(pause) for pause in status.paused_schedules],
    }


def _queue_json(queue: QueueStatus) -> Json:
    return {
        "queue": queue.queue,
        "declared": queue.declared,
        "waiting": queue.waiting,
        "later": queue.later,
        "running": queue.running,
        "oldest_wait": queue.oldest_wait,
        "max_wait": queue.max_wait,
        "paused": queue.pause is not None,
    }


def _runner_json(runner: RunnerView) -> Json:
    return {
        "id": str(runner.id),
        "runner": f"{runner.host}:{runner.pid}",
        "alive": runner.alive,
        "seen": runner.seen,
        "running": runner.running,
        "in_force": runner.in_force,
    }

"""`kongflow workers list`: the runners that are registered with this database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, opened
from kongflow.cli.output import emit_items, escape, note, print_table, rough_duration
from kongflow.core.json import Json
from kongflow.store.records import RunnerView


@click.command(
    "list",
    epilog=epilogue(
        """
        kongflow workers list
        kongflow workers list --json | jq '[.items[] | select(.alive)] | length'
        """,
        DATABASE,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> None:
    """List the runners: alive or not, what they serve and run."""
    runners = asyncio.run(_runners(config))
    if as_json:
        emit_items([_shape(runner) for runner in runners])
    elif runners:
        headers = ("RUNNER", "ALIVE", "SEEN", "RUNNING", "QUEUES", "TASKS", "CONFIG", "IN FORCE")
        print_table(headers, [cells(runner) for runner in runners])
    else:
        note("no runner is registered; start one: kongflow run")


async def _runners(config: Path) -> list[RunnerView]:
    async with opened(config, looking=True) as flow:
        return await flow.store.runners()


def _shape(runner: RunnerView) -> Json:
    return {
        "id": str(runner.id),
        "host": runner.host,
        "pid": runner.pid,
        "alive": runner.alive,
        "seen": runner.seen,
        "running": runner.running,
        "queues": list(runner.queues),
        "tasks": list(runner.tasks),
        "forbidden_flags": list(runner.forbidden_flags),
        "config_hash": runner.config_hash,
        "in_force": runner.in_force,
    }


def cells(runner: RunnerView) -> tuple[str, ...]:
    """Return the row of a runner; a config is in force through living runners."""
    return (
        escape(f"{runner.host}:{runner.pid}"),
        "yes" if runner.alive else "no",
        f"{rough_duration(runner.seen)} ago" if runner.alive else f"silent for {rough_duration(runner.seen)}",
        str(runner.running),
        escape(", ".join(runner.queues)),
        str(len(runner.tasks)),
        escape(runner.config_hash[:8]),
        "-" if not runner.alive else "yes" if runner.in_force else "no",
    )

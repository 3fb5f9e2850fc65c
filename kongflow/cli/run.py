"""`kongflow run`: work until a signal, or, with --once, until nothing is left; in this process, or in several."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from kongflow.cli import garbage
from kongflow.cli.options import DATABASE, config_option, epilogue, masked_url, opened
from kongflow.cli.output import note
from kongflow.version import __version__

if TYPE_CHECKING:  # only for annotations: they load the database's libraries
    from kongflow.app import KongFlow
    from kongflow.core.catalog import Catalog
    from kongflow.engine.line import Line
    from kongflow.engine.shift import RunSummary

LOGGER = logging.getLogger("kongflow")


@click.command(
    "run",
    epilog=epilogue(
        """
        kongflow run
        kongflow run --queues executions,runs:* --concurrency 20
        kongflow run --processes 4
        kongflow run --once || kongflow jobs list --state failed
        kongflow run --log-format json 2>> kongflow.log
        """,
        DATABASE,
        5,
        130,
    ),
)
@click.option("--queues", metavar="NAMES", help="Serve only these, exactly as declared, separated by commas.")
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Jobs at once in one process.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Work in N processes, each a runner of its own; one that dies is replaced.",
)
@click.option(
    "--once",
    is_flag=True,
    help="End when nothing is left to take now; exit 1 if a job failed for good, 0 also where some wait for a retry.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--supervised", type=int, metavar="FD", hidden=True, help="Set by --processes: leads to the supervisor.")
@config_option
def command(
    queues: str | None,
    concurrency: int | None,
    processes: int | None,
    once: bool,
    log_format: str,
    supervised: int | None,
    config: Path,
) -> int:
    """Work: claim jobs and run them until stopped.

    The first SIGTERM or Ctrl-C drains within `shutdown_timeout`, the second gives running jobs back at once, the third
    ends the process, which counts as a crash of the jobs that it ran. Nothing is lost by any of them.
    """
    names = None if queues is None else [name.strip() for name in queues.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--queues names no queue")
    if processes is not None:
        return _supervise(_command_line(config, queues, concurrency, once, log_format), processes, once, log_format)
    from kongflow.engine.loop import run_to_end

    return run_to_end(_run(config, names, concurrency, once, log_format, _line(supervised)))


def _supervise(command_line: Sequence[str], processes: int, once: bool, log_format: str) -> int:
    from kongflow.engine.events import Events
    from kongflow.engine.logs import configure_logging, log_event
    from kongflow.engine.processes.supervisor import Supervisor

    configure_logging(log_format, of_several=True)
    return Supervisor(command_line, processes, Events(log_event), until_idle=once).run()


def _command_line(
    config: Path, queues: str | None, concurrency: int | None, once: bool, log_format: str
) -> Sequence[str]:
    """Return how one supervised process is started; the number of its line comes last."""
    # Python would look for kongflow in the working directory first, where a file of the user's may have that name;
    # unless that is how this process has found it.
    safely = [] if {"", str(Path.cwd())} & set(sys.path) else ["-P"]
    options = ["--config", str(config), "--log-format", log_format]
    if queues is not None:
        options += ["--queues", queues]
    if concurrency is not None:
        options += ["--concurrency", str(concurrency)]
    if once:
        options += ["--once"]
    return [sys.executable, *safely, "-m", "kongflow", "run", *options, "--supervised"]


def _line(supervised: int | None) -> Line | None:
    if supervised is None:
        return None
    from kongflow.engine.line import Line

    try:
        return Line(supervised)
    except OSError as problem:
        raise click.UsageError(f"--supervised {supervised}: {problem.strerror}") from None


async def _run(
    config: Path,
    queues: Sequence[str] | None,
    concurrency: int | None,
    once: bool,
    log_format: str,
    line: Line | None,
) -> int:
    from kongflow.engine.arguments import with_overrides
    from kongflow.engine.logs import configure_logging
    from kongflow.engine.secrets import masking, resolve_secrets

    async with opened(config) as flow:
        catalog = with_overrides(flow.catalog, queues, concurrency)
        secrets = resolve_secrets(catalog.secrets, os.environ)
        configure_logging(log_format, mask=masking(secrets), of_several=line is not None)
        for_people = log_format == "text" and line is None
        if for_people:
            _introduce(catalog, config)
        _warn_of_lost_commits(flow)
        garbage.work()
        summary = await flow.run(queues=queues, concurrency=concurrency, until_idle=once, line=line)
    if once:
        _tell_what_is_left(summary, note if for_people else LOGGER.info)
    if summary.running_on:
        _end_the_process(summary)
    return summary.exit_code


def _introduce(catalog: Catalog, config: Path) -> None:
    note(f"KongFlow {__version__} · {catalog.name} · {config}")
    note(f"  database     {masked_url(catalog.database.url)}")
    note(f"  queues       {', '.join(catalog.runner.queues)}")
    note(f"  concurrency  {catalog.runner.concurrency}")
    note(f"  tasks        {', '.join(sorted(catalog.tasks)) or 'none'}")


def _warn_of_lost_commits(flow: KongFlow) -> None:
    if re.search(r"[?&]synchronous=normal\b", flow.catalog.database.url, re.IGNORECASE):
        LOGGER.warning(
            "database.url says synchronous=normal: after a power failure the last moments of acknowledged work may be "
            "gone or run again; a crash of a process alone loses nothing"
        )


def _tell_what_is_left(summary: RunSummary, tell: Callable[[str], None]) -> None:
    ended = f"{summary.succeeded} succeeded, {summary.failed} failed, {summary.retried} to be retried"
    waits = "waits for its time, its retry or the end of a pause"
    if summary.later != 1:
        waits = "wait for their time, their retry or the end of a pause"
    is_with = "is" if summary.others == 1 else "are"
    if summary.unwritten:
        ended += f", {summary.unwritten} with an end that the database did not take"
    tell(f"done: {ended}; left: {summary.later} {waits}, {summary.others} {is_with} with other runners or for them")


def _end_the_process(summary: RunSummary) -> NoReturn:
    """Exit although handlers go on in threads: Python would wait for them for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(summary.exit_code)

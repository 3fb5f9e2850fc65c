"""`kongflow`: the table of commands, colour, and the one place where an error becomes a message and an exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from kongflow.cli import garbage
from kongflow.cli.lazy import Entry, LazyGroup
from kongflow.cli.options import DATABASE, epilogue
from kongflow.cli.output import colour_wanted, error, never_fail_to_print
from kongflow.errors import ConfigFindings, KongFlowError
from kongflow.version import __version__

INTERRUPTED = 130

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

ENTRIES = (
    Entry("init", "kongflow.cli.init", "Write a small project that runs.", "Declare"),
    Entry("validate", "kongflow.cli.validate", "Check kongflow.yaml and everything that it names.", "Declare"),
    Entry("explain", "kongflow.cli.explain", "Explain a finding of `kongflow validate`.", "Declare"),
    Entry("schema", "kongflow.cli.schema", "Print the JSON Schema of kongflow.yaml.", "Declare"),
    Entry("config", "kongflow.cli.config", "Show the configuration with every default filled in.", "Declare"),
    Entry("render", "kongflow.cli.render", "Show the queue, key and retry times that a payload would get.", "Declare"),
    Entry("retries", "kongflow.cli.retries", "Show every delay of a retry policy.", "Declare"),
    Entry("plan", "kongflow.cli.plan", "Say what a deploy would change, and what it would break.", "Declare"),
    Entry("generate", "kongflow.cli.generate", "Write code from the configuration.", "Declare"),
    Entry("docs", "kongflow.cli.docs", "Write the catalogue in Markdown.", "Declare"),
    Entry("enqueue", "kongflow.cli.enqueue", "Add a job.", "Work"),
    Entry("run", "kongflow.cli.run", "Work: claim jobs and run them until stopped.", "Work"),
    Entry("status", "kongflow.cli.status", "Say whether all is well, and if not, what to do.", "Look and repair"),
    Entry("jobs", "kongflow.cli.jobs", "List, show, retry, reschedule, cancel and await jobs.", "Look and repair"),
    Entry("queues", "kongflow.cli.queues", "List queues with their limits and their jobs.", "Look and repair"),
    Entry("schedules", "kongflow.cli.schedules", "List schedules; run, pause and resume them.", "Look and repair"),
    Entry("workers", "kongflow.cli.workers", "List the runners.", "Look and repair"),
    Entry(
        "db",
        "kongflow.cli.db",
        "Upgrade the tables, show their state, or print them as SQL.",
        "Look and repair",
    ),
)


class Root(LazyGroup):
    """The top of the command line. Whatever a command raises on purpose ends here as one message on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command and exit with its code."""
        never_fail_to_print()
        try:
            code = self._exit_code(args, prog_name, complete_var, **extra)
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as problem:
            if problem.errno not in _NO_ROOM:
                raise
            error(f"the output cannot be written: {problem.strerror}")
            _forget_the_output()
            code = 1
        if not standalone_mode:
            return code
        sys.exit(code)

    def _exit_code(
        self, args: Sequence[str] | None, prog_name: str | None, complete_var: str | None, **extra: Any
    ) -> int:
        try:
            returned = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.Abort:
            error("interrupted")
            return INTERRUPTED
        except click.ClickException as usage:
            usage.show()
            return usage.exit_code
        except ConfigFindings as found:  # each of them says `error` itself
            click.echo(str(found), err=True)
            return found.exit_code
        except KongFlowError as failure:
            error(str(failure))
            return failure.exit_code
        return returned if isinstance(returned, int) else 0


def _forget_the_output() -> None:
    """Point stdout at nothing, so that the interpreter's own flush at exit stays quiet too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    "kongflow",
    cls=Root,
    entries=ENTRIES,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilogue(
        """
        kongflow init && kongflow validate
        kongflow enqueue greet --arg name=Ada
        kongflow run
        kongflow jobs list --state failed --since 1d
        """,
        DATABASE,
        5,
        6,
        10,
        11,
        124,
        130,
    ),
)
@click.version_option(__version__, "--version", message="kongflow %(version)s")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Background jobs, declared in kongflow.yaml, checked like code, kept in your database.

    Every command takes -c/--config PATH; without it KONGFLOW_CONFIG, else ./kongflow.yaml.
    """
    ctx.color = colour_wanted()


def main() -> None:
    """Run the command line of this process."""
    # A lost connection is told by us; psycopg adds a line for each pipeline that it closes then
    # (https://github.com/psycopg/psycopg/blob/3.2.3/psycopg/psycopg/_pipeline.py).
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    garbage.rest()
    command(prog_name="kongflow")

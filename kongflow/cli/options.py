"""Options and argument types that several commands share, how they find the configuration, and the help epilogue."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kongflow.core.duration import parse_duration
from kongflow.core.instant import parse_instant
from kongflow.errors import InvalidOption, KongFlowError

if TYPE_CHECKING:  # only for annotations: these load what a command without a database never needs
    from kongflow.app import KongFlow
    from kongflow.core.catalog import Catalog

F = TypeVar("F", bound=Callable[..., Any])

MASK = "***"

EXIT_CODES = {
    0: "done",
    1: "findings, or the operation failed",
    2: "wrong usage",
    3: "could not check: a file or the database cannot be read, or a file not be written",
    4: "the tables of the database are out of date, or not there yet",
    5: "no such job, task, queue, schedule, policy or finding",
    6: "the plan has changes, and nothing blocks it (with --detailed-exitcode)",
    10: "the awaited job failed",
    11: "the awaited job was cancelled",
    124: "the wait timed out; the job goes on",
    130: "interrupted",
}


ALONE = (0, 2)
"""The exit codes of every command."""
CONFIG = (*ALONE, 1, 3)
"""Those of a command that reads the configuration."""
DATABASE = (*CONFIG, 4)
"""Those of a command that opens the database too."""


def epilogue(examples: str, needs: Sequence[int], *own: int) -> str:
    """Return the end of a command's help: its examples, one a line, and its exit codes: those that come with what it
    needs (`ALONE`, `CONFIG` or `DATABASE`), and its own.
    """
    lines = textwrap.dedent(examples).strip().splitlines()
    shown = "\n".join(f"  {line}" for line in lines)
    meanings = "\n".join(f"  {code:<4} {EXIT_CODES[code]}" for code in sorted({*needs, *own}))
    return f"\b\nExamples:\n{shown}\n\n\b\nExit codes:\n{meanings}"


# --- shared options --------------------------------------------------------------------------------------------------


def config_option(function: F) -> F:
    """Add `-c/--config PATH` to a command."""
    return click.option(
        "-c",
        "--config",
        type=ConfigPath(),
        envvar="KONGFLOW_CONFIG",
        default=Path("kongflow.yaml"),
        show_default=True,
        show_envvar=True,
        metavar="PATH",
        help="The configuration; its folder is the project.",
    )(function)


def json_option(function: F) -> F:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)


def filter_option(function: F) -> F:
    """Add `-f/--filter FILTER` to a command."""
    return click.option(
        "-f",
        "--filter",
        metavar="FILTER",
        help="Qualifiers such as 'state:failed task:mail since:2h'; see `kongflow jobs list --help`.",
    )(function)


# --- argument types --------------------------------------------------------------------------------------------------


class ConfigPath(click.Path):
    """The path of a configuration."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; an empty text, which would mean the working directory, is wrong usage."""
        if value == "":
            self.fail("the path is empty; name a file, such as kongflow.yaml", param, ctx)
        return super().convert(value, param, ctx)


def duration(text: str) -> float:
    """Return the seconds of `1h30m` and the like, as in kongflow.yaml."""
    try:
        return parse_duration(text)
    except InvalidOption as problem:
        raise click.BadParameter(str(problem)) from None


def instant(text: str) -> datetime:
    """Return the aware datetime of an ISO 8601 text with its offset."""
    try:
        return parse_instant(text)
    except InvalidOption as problem:
        raise click.BadParameter(str(problem)) from None


def age_or_instant(text: str) -> datetime:
    """Return a point in the past: a duration ago, or an instant."""
    if _LOOKS_LIKE_AN_INSTANT.match(text):
        return instant(text)
    return datetime.now(UTC) - timedelta(seconds=duration(text))


_LOOKS_LIKE_AN_INSTANT = re.compile(r"[0-9]{4}-")


# --- configuration ---------------------------------------------------------------------------------------------------


def load_catalog(config: Path) -> Catalog:
    """Return the catalog of a configuration, without opening its database.

    Raises: InvalidConfig with the report; ConfigUnreadable.
    """
    from kongflow.config import load

    return load.load_catalog(config, os.environ)


def load_portable(config: Path) -> Catalog:
    """Return the catalog of a configuration as it is on every machine, whatever variables are set.

    Raises: as `load_catalog`; VariableNeeded.
    """
    from kongflow.config import load

    return load.load_portable(config)


@asynccontextmanager
async def opened(config: Path, *, looking: bool = False) -> AsyncIterator[KongFlow]:
    """Open the KongFlow of a configuration: its database is connected and its tables checked, or made unless the
    command is only `looking`.
    """
    from kongflow.app import KongFlow

    flow = KongFlow.from_config(config)
    await flow.initialize(looking=looking)
    try:
        yield flow
    finally:
        await flow.stop()


def masked_url(url: str) -> str:
    """Return a database URL without its password, whether it stands before the host or among the parameters.

    Where a password holds an unencoded `@` or `?` more is masked than the password, never less.
    """
    url = re.sub(r"^([A-Za-z0-9+.-]+://[^:/@]*:).*@", rf"\1{MASK}@", url)
    return re.sub(r"([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", rf"\1{MASK}", url, flags=re.IGNORECASE)


class FileUnreadable(KongFlowError):
    """A file that an argument names is missing or may not be read."""

    exit_code = 3


class NotText(KongFlowError):
    """What was given as text is not UTF-8."""


def read_stdin() -> bytes:
    """Return what is piped in. Raises: click.UsageError, where it would have to be typed."""
    if sys.stdin is None:
        raise click.UsageError("'-' reads from stdin, and stdin is closed")
    if sys.stdin.isatty():
        raise click.UsageError("'-' reads from stdin, and stdin is this terminal; pipe something into it")
    return sys.stdin.buffer.read()


def read_text(source: str) -> str:
    """Return the UTF-8 text of a file, or of stdin where the source is `-`.

    Raises: FileUnreadable; NotText; click.UsageError where nothing is piped in.
    """
    if source == "-":
        data = read_stdin()
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as problem:
            raise FileUnreadable(f"cannot read {source}: {problem.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        where = "stdin" if source == "-" else source
        raise NotText(f"{where} is not UTF-8 text: {problem.reason} at byte {problem.start}") from None

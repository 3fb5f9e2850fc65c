"""Files that are written from the configuration: the options of the commands that write them, and `--check` for CI."""

from __future__ import annotations

import difflib
import functools
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kongflow.cli.options import FileUnreadable
from kongflow.cli.output import escape, note
from kongflow.cli.outputs import write_whole
from kongflow.errors import KongFlowError

MAX_DIFF = 40
"""Lines of a difference that are shown."""


class Stale(KongFlowError):
    """A written file is not what would be written now."""


class NotOurs(KongFlowError):
    """A file is there that was not written by this command."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where a text goes, or what it is compared with."""

    path: Path | None
    check: bool
    force: bool

    def deliver(self, text: str, mark: str) -> None:
        """Print a text, write it, or compare it with the file. `mark` is the first line of every text of this kind.

        Raises: Stale; NotOurs where the file that it would replace begins otherwise; FileUnreadable; FileUnwritable.
        """
        if self.path is None:
            click.echo(text, nl=False)
            return
        found = _read(self.path)
        if self.check:
            _compare(self.path, found, text)
            note(f"✓ {self.path} is up to date")
        elif found == text:
            note(f"{self.path} is up to date")
        else:
            if found and not found.startswith(mark + "\n") and not self.force:
                raise NotOurs(
                    f"{self.path} was not written by this command, and nothing was changed; "
                    "name another file, or replace it with --force"
                )
            write_whole(self.path, text)
            note(f"wrote {self.path}")


def written_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-o/--out`, `--check` and `--force` to a command, which gets them as `written`."""

    @click.option(
        "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to a file."
    )
    @click.option("--check", is_flag=True, help="Write nothing; exit code 1 where FILE is not what would be written.")
    @click.option("--force", is_flag=True, help="Replace a FILE that was not written by this command.")
    @functools.wraps(function)
    def command(out: Path | None, check: bool, force: bool, **options: Any) -> Any:
        if check and out is None:
            raise click.UsageError("--check compares with a file; name it with -o FILE")
        return function(written=Written(out, check, force), **options)

    return command


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return "\0"
    except OSError as problem:
        raise FileUnreadable(f"cannot read {path}: {problem.strerror}") from None


def _compare(path: Path, found: str | None, text: str) -> None:
    """Raise Stale where a file is not what it should be, and print how it differs."""
    if found == text:
        return
    command = _command_without_check()
    if found is None:
        raise Stale(f"{path} does not exist; write it with: {command}")
    lines = list(_difference(path, found, text))
    for line in lines[:MAX_DIFF]:
        click.echo(escape(line))
    if len(lines) > MAX_DIFF:
        click.echo(f"… {len(lines) - MAX_DIFF} more lines")
    raise Stale(f"{path} is out of date; write it again with: {command}")


def _difference(path: Path, found: str, text: str) -> Iterator[str]:
    return difflib.unified_diff(
        found.splitlines(), text.splitlines(), str(path), f"{path} as it would be written", lineterm="", n=1
    )


def _command_without_check() -> str:
    context = click.get_current_context()
    words = [*context.command_path.split(), "-o", str(context.params["out"])]
    config = context.params.get("config")
    if config is not None and config != Path("kongflow.yaml"):
        words += ["-c", str(config)]
    return shlex.join(words)

"""Where a report goes: the `-o/--output` option, and files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from kongflow.cli.output import note
from kongflow.core.spelling import did_you_mean
from kongflow.errors import KongFlowError

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", "json", "github", "gitlab", "sarif")
_DOCUMENTS = ("json", "gitlab", "sarif")
"""Formats of which two in one stream, or one beside text, could not be read."""


@dataclass(frozen=True, slots=True)
class Output:
    """One form of a report and where it goes; without a file to stdout."""

    form: str
    file: Path | None = None


class FileUnwritable(KongFlowError):
    """A file that an option names cannot be written."""

    exit_code = 3


def output_option(function: F) -> F:
    """Add `-o/--output FORMAT[=FILE]` to a command; it may be given several times."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        type=_output,
        multiple=True,
        metavar="FORMAT[=FILE]",
        help=f"Print findings as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or write them to a file. Repeatable. "
        "[default: text; inside GitHub Actions github too]",
    )(function)


def _output(text: str) -> Output:
    """Return what `FORMAT` or `FORMAT=FILE` asks for."""
    form, equals, file = text.partition("=")
    if form not in FORMATS:
        raise click.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}{did_you_mean(form, FORMATS)}")
    if equals and not file:
        raise click.BadParameter(f"the file is missing in {text!r}; write {form}=FILE")
    return Output(form, Path(file) if equals else None)


def chosen(asked: Sequence[Output], *, as_json: bool) -> tuple[Output, ...]:
    """Return the outputs that were asked for, or those that come by themselves. `as_json`: what `--json` asks for too.

    Raises: click.UsageError where two of them would mix in one place.
    """
    asked = tuple(dict.fromkeys((*asked, *([Output("json")] if as_json else []))))
    if not asked:
        inside_github = os.environ.get("GITHUB_ACTIONS") == "true"
        return (Output("text"), Output("github")) if inside_github else (Output("text"),)
    printed = [output.form for output in asked if output.file is None]
    alone = next((form for form in printed if form in _DOCUMENTS), None)
    if alone and len(printed) > 1:
        raise click.UsageError(f"{' and '.join(printed)} would mix on stdout; write one to a file: -o {alone}=FILE")
    files = [os.path.realpath(output.file) for output in asked if output.file is not None]
    twice = next((file for file in files if files.count(file) > 1), None)
    if twice:
        raise click.UsageError(f"two outputs would go to {twice}; name a file for each")
    return asked


def deliver(outputs: Sequence[Output], render: Callable[[str], str]) -> None:
    """Print every output without a file, then write the others. `render` returns the report in a format, without its
    last line end; an empty one prints nothing. Raises: FileUnwritable.
    """
    for output in outputs:
        if output.file is None:
            text = render(output.form)
            click.echo(text, nl=bool(text))
    for output in outputs:
        if output.file is not None:
            text = click.unstyle(render(output.form))
            write_whole(output.file, f"{text}\n" if text else "")


def write_whole(path: Path, text: str) -> None:
    """Write a text file. Whoever reads it meanwhile finds what was there before, or all of the new text; what is no
    regular file, such as a pipe, is written to as it is. Raises: FileUnwritable.
    """
    data = text.encode("utf-8", errors="backslashreplace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = Path(os.path.realpath(path))  # a link stays one
        fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            fresh.write_bytes(data)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as problem:
        raise FileUnwritable(f"cannot write {path}: {problem.strerror}") from None


def append_summary(path: Path, summary: Callable[[int], str], limit: int) -> None:
    """Append to the file of a CI job's summary. `summary` returns what fits in that many bytes; all of it may have
    `limit`. Where it cannot be written, stderr says so: the job goes on without.
    """
    try:
        with path.open("ab") as stream:
            stream.write(summary(limit - stream.tell()).encode())
    except OSError as problem:
        note(f"cannot write the summary to {path}: {problem.strerror}")

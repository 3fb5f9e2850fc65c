"""What every command prints with: tables, times, durations, JSON, and words for people on stderr.

stdout is for data, stderr for the rest. Text from outside (payloads, errors, names) goes through `escape`, so that
nothing a job carries can move the cursor, colour the screen or forge a line.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kongflow.core.json import Json

if TYPE_CHECKING:  # type checkers alone have this module
    from _typeshed import ReadableBuffer

# C0, DEL, C1, line and paragraph separators, and the marks that reorder text (https://trojansource.codes).
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_BUT_LAYOUT = re.compile(_CONTROL.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))

_STDOUT, _STDERR = 1, 2

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))

# --- streams ---------------------------------------------------------------------------------------------------------


def never_fail_to_print() -> None:
    """Make stdout and stderr take everything: what nobody reads any more is dropped, so that a command ends with its
    own exit code, and what a terminal's encoding lacks is escaped.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Of a process of its own they are such files; of a test, say, they may be anything.
        if isinstance(stream, io.TextIOWrapper) and isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
            stream = _forgiving(stream)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _forgiving(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    file = _ForgivingFile(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        file if stream.write_through else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _ForgivingFile(io.FileIO):
    """A file that drops what is written into a pipe without a reader."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def colour_wanted() -> bool | None:
    """Say what the environment asks for: NO_COLOR wins over FORCE_COLOR, that over a dumb terminal; None leaves it to
    each stream.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Send to stderr what anybody prints on stdout meanwhile: Python, C code, or a child process."""
    stdout = sys.stdout
    if stdout is None:
        yield
        return
    kept = os.dup(_STDOUT)
    instead = os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else os.dup(_STDERR)
    os.dup2(instead, _STDOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        stdout.flush()  # who kept the stream may have written to it
        os.dup2(kept, _STDOUT)
        os.close(kept)
        os.close(instead)


def on_terminal() -> bool:
    """Say whether a person reads stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def note(text: str) -> None:
    """Say something to the person, on one line of stderr."""
    click.echo(escape(text), err=True)


def hint(text: str) -> None:
    """Suggest the next step, on stderr; only where a person reads it."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.secho(f"→ {escape(text)}", err=True, dim=True)


def error(text: str) -> None:
    """Print an error message on stderr; it may have several lines."""
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{label} {escape(text, keep_layout=True)}", err=True, color=colour_wanted())


def emit_json(fields: Mapping[str, Json]) -> None:
    """Print one JSON object on stdout. Its first field is the version of all these shapes: new fields may come to it,
    none goes or changes.
    """
    click.echo(_escape_json(json.dumps({"schema": 1, **fields}, ensure_ascii=False, indent=2)))


def emit_items(items: Sequence[Json], next_cursor: str | None = None, **more: Json) -> None:
    """Print a list as one JSON object; without a cursor, it is complete."""
    emit_json({**more, "items": items, "next_cursor": next_cursor})


def emit_json_line(value: Json) -> None:
    """Print one JSON document on one line of stdout."""
    click.echo(json_text(value))


# --- text ------------------------------------------------------------------------------------------------------------


def escape(text: str, *, keep_layout: bool = False) -> str:
    """Return text that a terminal shows and does not obey. `keep_layout` leaves line ends and tabs alone."""
    pattern = _CONTROL_BUT_LAYOUT if keep_layout else _CONTROL
    return pattern.sub(lambda match: _escaped(match.group()), text)


def json_text(value: Json) -> str:
    """Return a JSON value on one line, safe to print."""
    return _escape_json(json.dumps(value, ensure_ascii=False))


def _escape_json(text: str) -> str:
    return _CONTROL_BUT_LAYOUT.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if short is not None:
        return short
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


# --- times -----------------------------------------------------------------------------------------------------------


def iso(instant: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC with `Z`, to the millisecond; None stays None."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def relative(instant: datetime | None, now: datetime) -> str:
    """Return `3m ago` or `in 2h`, in one unit; `-` for None."""
    if instant is None:
        return "-"
    seconds = (instant - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    amount = rough_duration(abs(seconds))
    return f"in {amount}" if seconds > 0 else f"{amount} ago"


def rough_duration(seconds: float) -> str:
    """Return a duration in its largest fitting unit, rounded down: `3m`, `2h`, `12s`, `40ms`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


# --- tables ----------------------------------------------------------------------------------------------------------


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns without borders. On a terminal the widest columns are cut until a row fits a line; where
    the output goes elsewhere nothing is cut.
    """
    width = shutil.get_terminal_size().columns if on_terminal() else None
    lines = [list(headers), *(list(row) for row in rows)]
    widths = _column_widths(lines, width)
    for number, line in enumerate(lines):
        cells = [_fit(cell, widths[index]) for index, cell in enumerate(line)]
        text = "  ".join(cells).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 else text)


def _column_widths(lines: Sequence[Sequence[str]], width: int | None) -> list[int]:
    widths = [max(_shown_width(cell) for cell in column) for column in zip(*lines, strict=True)]
    if width is None:
        return widths
    least = [min(_shown_width(header), 8) for header in lines[0]]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    while excess > 0:
        widest = max(range(len(widths)), key=lambda index: widths[index] - least[index])
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _fit(cell: str, width: int) -> str:
    shown = _shown_width(cell)
    if shown <= width:
        return cell + " " * (width - shown)
    kept, used = "", 0
    for character in click.unstyle(cell):
        used += _character_width(character)
        if used > width - 1:
            break
        kept += character
    return kept + "…" + " " * (width - 1 - _shown_width(kept))


def _shown_width(text: str) -> int:
    return sum(_character_width(character) for character in click.unstyle(text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from os import terminal_size
from pathlib import Path

import click
import pytest

from kongflow.cli.output import emit_json, escape, iso, print_table, relative, rough_duration

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Terminal:
    """stdout of a person: a terminal of so many columns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((columns, 24)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\tand\rmore", "two\\nlines\\tand\\rmore"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("Ada Lovelace – ünïcödé 日本", "Ada Lovelace – ünïcödé 日本"),
    ],
)
def test_what_could_drive_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_layout_may_be_kept_and_escape_sequences_may_not() -> None:
    assert escape("a\n\tb\x1b[2J", keep_layout=True) == "a\n\tb\\x1b[2J"


def test_json_cannot_drive_a_terminal_and_reads_back_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": "\x1b[2J\x9b31m\u202eü日", "n": 1.5}

    emit_json(value)

    printed = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed)
    assert "ü日" in printed
    assert json.loads(printed) == {"schema": 1, **value}


def test_times_are_iso_8601_in_utc() -> None:
    elsewhere = datetime(2026, 11, 24, 10, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))

    assert iso(elsewhere) == "2026-11-24T09:30:00.123Z"
    assert iso(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(-200, "3m ago"), (7200, "in 2h"), (0.2, "now"), (-90_000, "1d ago"), (59, "in 59s")]
)
def test_relative_times_say_one_unit(seconds: float, text: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == text


def test_an_unknown_time_is_a_dash() -> None:
    assert relative(None, NOW) == "-"


def test_a_short_duration_is_in_milliseconds() -> None:
    assert rough_duration(0.04) == "40ms"


def test_columns_are_aligned_and_nothing_is_cut_where_the_output_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "ERROR"), [("1", "x" * 300), ("200", "short")])

    assert capsys.readouterr().out == f"ID   ERROR\n1    {'x' * 300}\n200  short\n"


def test_wide_characters_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "B"), [("日本", "x"), ("e\u0301", "y")])

    assert capsys.readouterr().out == "A     B\n日本  x\ne\u0301     y\n"


def test_a_row_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(monkeypatch, columns=40)

    print_table(("ID", "TASK", "ERROR"), [("17", "t" * 30, click.style("日" * 60, fg="red"))])

    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert lines[1].startswith("17  t")
    assert lines[1].count("…") == 2
    assert all(sum(2 if character == "日" else 1 for character in line) <= 40 for line in lines)


def test_a_terminal_too_narrow_for_the_headers_still_gets_every_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Terminal(monkeypatch, columns=5)

    print_table(("ID", "TASK"), [("17", "a long name of a task")])

    assert click.unstyle(capsys.readouterr().out).splitlines() == ["ID  TASK", "17  a l…"]


@pytest.mark.parametrize(
    ("asked", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_a_terminal_is_coloured_unless_it_is_dumb_or_colour_is_refused(
    asked: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}

    subprocess.run(
        [sys.executable, "-m", "kongflow", "explain", "no-such-finding"],
        stderr=theirs,
        cwd=tmp_path,
        env={**clean, **asked},
        check=False,
    )

    told = os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert b"there is no finding" in told
    assert (b"\x1b[" in told) is coloured

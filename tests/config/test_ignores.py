"""Comments that silence findings: where they count as comments, and for which line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kongflow.config.load import load

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HEAD = """\
version: 1
tasks:
  count: {handler: tasks.count}
schedules:
"""
UNEVEN = '  s: {cron: "*/7 * * * *", task: count}'


def told(folder: Path, text: str, **files: str) -> list[tuple[str, str, int]]:
    """Return the findings of a kongflow.yaml, each as slug, file and line."""
    (folder / "tasks.py").write_text("def count(payload): ...\n")
    for name, content in {"kongflow": text, **files}.items():
        (folder / f"{name}.yaml").write_bytes(content.encode())
    loaded = load(folder / "kongflow.yaml", env={}, now=NOW)
    return [(found.slug, Path(found.file).name, found.line) for found in loaded.findings]


@pytest.mark.parametrize(
    "lines",
    [
        f"{UNEVEN} # kongflow: ignore[cron-uneven]",
        f"{UNEVEN}  #kongflow:ignore[ cron-uneven ,]",
        f"  # kongflow: ignore[cron-uneven] because\n{UNEVEN}",
        f"# kongflow: ignore[cron-uneven]\n# and why\n{UNEVEN}",
        f"  # kongflow: ignore[cron-uneven]\r\n{UNEVEN}\r\n",
        f"{UNEVEN}\t# kongflow: ignore[cron-uneven]",
    ],
)
def test_a_comment_behind_or_above_silences_a_finding(tmp_path: Path, lines: str) -> None:
    assert told(tmp_path, HEAD + lines) == []


CONSTANT = "<< 1 if payload.plan == 'c' else 2 >>"


@pytest.mark.parametrize(
    "lines",
    [
        f"    # kongflow: ignore[template-constant]\n    job_key: >-\n      a\n      {CONSTANT}\n",
        f"    job_key: |- # kongflow: ignore[template-constant]\n\n      {CONSTANT}\n",
        f'    # kongflow: ignore[template-constant]\n    job_key: "a\n      {CONSTANT}"\n',
        f"    # kongflow: ignore[template-constant]\n    job_key: a\n      {CONSTANT}\n",
        f'    job_key: "a\n      {CONSTANT}" # kongflow: ignore[template-constant]\n',
    ],
)
def test_a_comment_holds_for_a_text_of_several_lines(tmp_path: Path, lines: str) -> None:
    task = "    payload: {type: object, required: [plan], properties: {plan: {enum: [a, b]}}}\n"
    head = f"version: 1\ntasks:\n  count:\n    handler: tasks.count\n{task}"

    assert told(tmp_path, head + lines) == []
    assert (
        told(tmp_path, f"{head}{lines}    priority: << 1 if payload.plan == 'd' else 2 >>\n")[0][0]
        == "template-constant"
    )


@pytest.mark.parametrize(
    "text",
    [
        '"# kongflow: ignore[cron-uneven]"',
        "'it''s # kongflow: ignore[cron-uneven]'",
        '"over two\n      # kongflow: ignore[cron-uneven]"',
        "|\n      # kongflow: ignore[cron-uneven]\n",
        ">-\n      folded\n      # kongflow: ignore[cron-uneven]\n",
        "a#kongflow",
    ],
    ids=["double", "single", "two lines", "literal", "folded", "plain"],
)
def test_what_stands_in_a_text_is_no_comment(tmp_path: Path, text: str) -> None:
    lines = f'  s:\n    cron: "*/7 * * * *"\n    task: count\n    description: {text}\n'

    assert told(tmp_path, HEAD + lines) == [("cron-uneven", "kongflow.yaml", 6)]


def test_a_comment_counts_in_the_file_that_it_stands_in(tmp_path: Path) -> None:
    included = f"schedules:\n{UNEVEN}  # kongflow: ignore[cron-uneven]\n"
    main = (
        "version: 1\ninclude: [more.yaml]\n# kongflow: ignore[cron-uneven]\ntasks:\n  count: {handler: tasks.count}\n"
    )

    assert told(tmp_path, main, more=included) == [("unused-ignore", "kongflow.yaml", 3)]


def test_the_project_may_turn_off_what_is_said_of_comments(tmp_path: Path) -> None:
    lint = "lint: {ignore: [unused-ignore]}  # kongflow: ignore[cron-uneven]\n"

    assert told(tmp_path, HEAD + "  s: {every: 7m, task: count}\n" + lint) == []


def test_a_file_that_cannot_be_read_is_asked_for_no_comments(tmp_path: Path) -> None:
    assert [slug for slug, _, _ in told(tmp_path, "version: 1\n# kongflow: ignore\ntasks: [\n")] == ["yaml-syntax"]

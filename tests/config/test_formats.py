"""Findings for programs: JSON, GitHub's annotations and summary, GitLab's Code Quality."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kongflow.config.findings import Finding, Place, Related, Span, finding
from kongflow.config.formats.github import MAX_SUMMARY, github_report, github_summary
from kongflow.config.formats.gitlab import gitlab_report
from kongflow.config.formats.json_object import json_report
from kongflow.config.formats.repository import fingerprints, repository_root, seen_from_root
from tests.config.projects import load_project

ERROR, WARNING, INFO = "unknown-key", "include-empty", "handler-unresolvable"


def found(slug: str = ERROR, line: int = 2, message: str = "it is wrong", **more) -> Finding:
    span = more.pop("span", Span(line, 1, line, 5))
    return replace(finding(slug, Place("a.yaml", span), message, "fix it"), **more)


def test_json_is_one_object_with_every_fact():
    related = (Related(Place("b.yaml", Span(3, 1, 3, 5)), "first"),)

    assert json.loads(json_report([found(json_path="$.word", related=related)], [{"name": "sweep"}])) == {
        "schema": 1,
        "findings": [
            {
                "slug": "unknown-key",
                "severity": "error",
                "message": "it is wrong",
                "help": "fix it",
                "file": "a.yaml",
                "line": 2,
                "col": 1,
                "end_line": 2,
                "end_col": 5,
                "json_path": "$.word",
                "related": [{"file": "b.yaml", "line": 3, "col": 1, "message": "first"}],
            }
        ],
        "counts": {"error": 1, "warning": 0, "info": 0},
        "schedules": [{"name": "sweep"}],
    }


# --- GitHub ----------------------------------------------------------------------------------------------------------


def test_an_annotation_is_one_escaped_line():
    report = github_report([found(WARNING, message="100%: one\ntwo", file="a,b:c%.yaml", help="a\rb")])

    assert report == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=2,endLine=2,col=1,endColumn=4,title=include-empty"
        "::100%25: one%0Atwo%0Aa%0Db"
    )


@pytest.mark.parametrize(("slug", "command"), [(ERROR, "error"), (INFO, "notice")])
def test_github_has_its_own_names_of_severities_and_no_columns_over_several_lines(slug, command):
    report = github_report([found(slug, span=Span(1, 3, 2, 5), line=1, col=3, end_line=2)])

    assert report.startswith(f"::{command} file=a.yaml,line=1,endLine=2,col=3,title=")


def test_as_many_findings_as_github_shows_are_all_annotated():
    many = [found(slug, line) for slug in (INFO, WARNING, ERROR) for line in range(10)]

    lines = github_report(many).splitlines()

    assert [line.split()[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10


def test_of_more_findings_the_gravest_are_annotated_and_the_last_line_counts_the_others():
    many = [found(INFO, 1), *(found(WARNING, line) for line in range(100, 130)), found(ERROR, 999)]

    *lines, last = github_report(many).splitlines()

    assert [line.split(",")[1] for line in lines] == [
        "line=999",
        *(f"line={line}" for line in range(100, 110)),
        "line=1",
    ]
    assert last == "::notice title=kongflow validate::and 20 more: GitHub shows 10 annotations of each kind"


def test_the_line_that_counts_is_one_of_the_ten_notices():
    many = [found(INFO, line) for line in range(11)]

    lines = github_report(many).splitlines()

    assert len(lines) == 10
    assert "::and 2 more:" in lines[-1]


def test_the_summary_is_a_table_in_markdown():
    many = [found(message="<b>|`x`|</b>\nor *y*", file="a_b.yaml"), found(WARNING, 3)]

    assert github_summary(many, "kongflow.yaml").splitlines() == [
        "### kongflow.yaml: 1 error, 1 warning",
        "",
        "| | place | finding | |",
        "|---|---|---|---|",
        "| error | a\\_b.yaml:2:1 | \\<b\\>\\|\\`x\\`\\|\\</b\\> or \\*y\\* (fix it) | unknown-key |",
        "| warning | a.yaml:3:1 | it is wrong (fix it) | include-empty |",
    ]
    assert github_summary([], "kongflow.yaml") == "### kongflow.yaml: no findings\n"


def test_a_summary_is_never_longer_than_github_takes():
    many = [found(message="é" * 1_000, line=line) for line in range(1, 1_001)]

    text = github_summary(many, "kongflow.yaml")

    assert MAX_SUMMARY - 3_000 < len(text.encode()) <= MAX_SUMMARY
    rows = text.count("| error |")
    assert text.endswith(f"\n… and {1_000 - rows} more\n")
    assert github_summary(many, "kongflow.yaml", room=50) == ""


# --- GitLab, and what tells findings from one another -----------------------------------------------------------------


def test_gitlab_gets_an_array_of_issues():
    slugs = {ERROR: "major", WARNING: "minor", INFO: "info"}
    issues = json.loads(gitlab_report([found(slug, end_line=4) for slug in slugs]))

    assert [issue["severity"] for issue in issues] == list(slugs.values())
    assert len(issues[0].pop("fingerprint")) == 64
    assert issues[0] == {
        "check_name": "unknown-key",
        "description": "it is wrong (fix it)",
        "severity": "major",
        "location": {"path": "a.yaml", "lines": {"begin": 2, "end": 4}},
    }
    assert json.loads(gitlab_report([])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "tasks: {a: {handler: tasks.work, max_atempts: 1}, b: {handler: tasks.work, max_atempts: 1}}\n",
        "queues: {a: {}}\nname: x\nname: y\n",  # its message names a line
    ],
)
def test_a_fingerprint_outlives_moved_lines(wrong, tmp_path):
    before = load_project(tmp_path, f"version: 1\n{wrong}").findings
    after = load_project(tmp_path, f"# one\n# two\nversion: 1\n{wrong.replace('{a', '{ a')}").findings

    assert {found.line for found in before}.isdisjoint({found.line for found in after})
    assert fingerprints(before) == fingerprints(after)
    assert len(set(fingerprints(before))) == len(before)


@pytest.mark.parametrize(
    "other", [found(WARNING), found(file="b.yaml"), found(json_path="$.b"), found(message="it is bad"), found(line=9)]
)
def test_other_findings_have_other_fingerprints(other):
    assert len(set(fingerprints([found(), other]))) == 2


# --- where a file is in its repository --------------------------------------------------------------------------------


def test_files_are_seen_from_the_root_of_the_checkout(tmp_path):
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "apps/shop"
    folder.mkdir(parents=True)
    related = (Related(Place("/elsewhere/b.yaml", Span(1, 1, 1, 2)), "there"),)

    files = ["a.yaml", f"{tmp_path}/c.yaml", "/elsewhere/b.yaml", "<stdin>"]
    seen = seen_from_root([found(file=file, related=related) for file in files], folder)

    assert [each.file for each in seen] == ["apps/shop/a.yaml", "c.yaml", "/elsewhere/b.yaml", "<stdin>"]
    assert seen[0].related == related


def test_without_a_checkout_the_root_is_the_folder_itself(tmp_path):
    assert repository_root(Path(tmp_path)) == tmp_path

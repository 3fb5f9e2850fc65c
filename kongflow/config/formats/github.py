"""Findings for GitHub Actions: annotations beside the lines of a change, and a summary of the step in Markdown.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kongflow.config.findings import Finding, Severity
from kongflow.config.report import counted

LIMIT = 10
"""Annotations of one kind that GitHub shows of a step, and drops what comes after them; of a job, of all its steps and
kinds, it shows 50. https://github.com/actions/toolkit/blob/main/docs/problem-matchers.md#limitations
"""
MAX_SUMMARY = 1 << 20
"""Bytes of a step's summary; a longer one is not shown at all.
https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&#]")
_LINE_END = re.compile(r"[\r\n]+")


def github_report(findings: Sequence[Finding]) -> str:
    """Return findings, seen from the root of the repository, as workflow commands, one a line, the gravest first. They
    are no more than GitHub shows; the last line says how many there are besides.
    """
    kinds = [[found for found in findings if found.severity is severity][:LIMIT] for severity in Severity]
    if sum(map(len, kinds)) < len(findings):
        kinds[-1] = kinds[-1][: LIMIT - 1]  # the last line is one of its kind
    shown = [_annotation(found) for kind in kinds for found in kind]
    if len(shown) < len(findings):
        text = f"and {len(findings) - len(shown)} more: GitHub shows {LIMIT} annotations of each kind"
        shown.append(f"::{_COMMANDS[Severity.INFO]} title=kongflow validate::{_escaped(text)}")
    return "\n".join(shown)


def github_summary(findings: Sequence[Finding], name: str, room: int = MAX_SUMMARY) -> str:
    """Return findings, seen from the root of the repository, as Markdown: a heading with `name`, and a table.

    It takes `room` bytes at most: of more findings than fit the first are in it, and the last line says how many are
    not. Nothing is returned where not even that fits.
    """
    text = f"### {_plain(name)}: {counted(findings)}\n"
    if findings:
        text += "\n| | place | finding | |\n|---|---|---|---|\n"
    free = room - len(text.encode()) - len(_more(len(findings)).encode())
    if free < 0:
        return ""
    for index, found in enumerate(findings):
        row = _row(found)
        free -= len(row.encode())
        if free < 0:
            return text + _more(len(findings) - index)
        text += row
    return text


def _row(found: Finding) -> str:
    place = _plain(f"{found.file}:{found.line}:{found.col}")
    return f"| {found.severity} | {place} | {_plain(found.advised)} | {found.slug} |\n"


def _more(number: int) -> str:
    return f"\n… and {number} more\n"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    text = text.encode("utf-8", errors="backslashreplace").decode()  # a lone surrogate
    return _MARKDOWN.sub(lambda match: f"\\{match.group()}", _LINE_END.sub(" ", text))


def _annotation(found: Finding) -> str:
    properties = {"file": found.file, "line": found.line, "endLine": found.end_line, "col": found.col}
    if found.line == found.end_line:  # GitHub takes columns within one line, and the end as the last character
        properties["endColumn"] = max(found.col, found.end_col - 1)
    properties["title"] = found.slug
    given = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items())
    text = f"{found.message}\n{found.help}" if found.help else found.message
    return f"::{_COMMANDS[found.severity]} {given}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    """Return text as a workflow command holds it; `more`: what must be escaped in its properties besides."""
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text

"""Reports: findings as text for people, as one JSON object, and as annotations for GitHub."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from kongflow.config.findings import Finding, Severity
from kongflow.config.text import SourceText
from kongflow.core.json import Json

WIDTH = 140
"""Characters of a source line that are shown; of a longer one the part around the finding."""

# C0 but the tab, DEL, C1, line separators, and the marks that reorder text (https://trojansource.codes).
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LOGIN = re.compile(r"(://[^\s:@/]*:)(?!\$\{)(\S+)@")
"""Of a URL in the source. The password ends at the last @, for one that is not encoded may be what is wrong."""

Style = Callable[[str, str], str]
"""Colours a piece of text: called with its role (`error`, `warning`, `info`, `place`, `dim`) and the text."""


def plain(role: str, text: str) -> str:  # noqa: ARG001 - a Style
    """Return the text without colour."""
    return text


# --- text ------------------------------------------------------------------------------------------------------------


def text_report(findings: Sequence[Finding], texts: Mapping[str, str], style: Style = plain) -> str:
    """Return findings as a person reads them, each with its source line, and a summary in the last line.

    `texts` has the text of every file by its path as it is shown.
    """
    sources = {file: SourceText(file, text) for file, text in texts.items()}
    blocks = [_block(found, sources.get(found.file), style) for found in findings]
    return "\n\n".join([*blocks, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """Return how many errors, warnings and infos there are, such as `2 errors, 1 warning`."""
    counts = Counter(found.severity for found in findings)
    words = [_count(counts[severity], severity) for severity in Severity if counts[severity]]
    first = min(findings, key=lambda found: list(Severity).index(found.severity), default=None)
    more = f"; `kongflow explain {first.slug}` says more" if first else ""
    return (", ".join(words) or "no findings") + more


def _count(number: int, severity: Severity) -> str:
    return f"{number} {severity}{'s' if number != 1 and severity is not Severity.INFO else ''}"


def _block(found: Finding, source: SourceText | None, style: Style) -> str:
    place = style("place", f"{_safe(found.file)}:{found.line}:{found.col}:")
    label = style(found.severity, f"{found.severity}[{found.slug}]:")
    lines = [f"{place} {label} {_safe(found.message)}"]
    gutter = len(str(found.line))
    if source is not None:
        shown, caret = _excerpt(found, source.line(found.line))
        lines.append(f"{style('dim', f'{found.line} |')} {shown}")
        lines.append(f"{style('dim', ' ' * gutter + ' |')} {style(found.severity, caret)}")
    lines += [f"{' ' * gutter} = {_safe(str(near.place))}: {_safe(near.message)}" for near in found.related]
    if found.help:
        lines.append(f"{' ' * gutter} = help: {_safe(found.help)}")
    return "\n".join(lines)


def _excerpt(found: Finding, line: str) -> tuple[str, str]:
    """Return the source line, cut to what fits around the finding, and the carets below it."""
    start = found.col - 1
    end = found.end_col - 1 if found.end_line == found.line else len(line)
    left = max(0, start - WIDTH // 2) if len(line) > WIDTH else 0
    right = min(len(line), left + WIDTH)
    end = max(start + 1, min(end, right))
    before, inside = line[left:start], line[start:end]
    ellipsis = "…" if left else ""
    indent = " " * len(ellipsis) + "".join("\t" if char == "\t" else " " * _width(char) for char in before)
    caret = "^" * max(1, sum(_width(char) for char in inside))
    shown = ellipsis + line[left:right] + ("…" if right < len(line) else "")
    return _CONTROL.sub("\ufffd", _LOGIN.sub(_hidden, shown)), (indent + caret).rstrip()


def _hidden(login: re.Match[str]) -> str:
    """Return the login of a URL without its password, in as many columns."""
    return login[1] + "*" * sum(_width(char) for char in login[2]) + "@"


def _width(char: str) -> int:
    """Return the columns of a terminal that a character takes."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _safe(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


# --- for programs ----------------------------------------------------------------------------------------------------


def json_report(findings: Sequence[Finding], schedules: Sequence[Json] = ()) -> str:
    """Return findings as one JSON object; `end_line` and `end_col` stand just behind the last character. `schedules`:
    what is to be said of each of them.
    """
    counts = Counter(found.severity for found in findings)
    value = {
        "schema": 1,
        "findings": [_record(found) for found in findings],
        "counts": {str(severity): counts[severity] for severity in Severity},
        "schedules": list(schedules),
    }
    return json.dumps(value, indent=2)


def _record(found: Finding) -> Json:
    return {
        "slug": found.slug,
        "severity": str(found.severity),
        "message": found.message,
        "help": found.help,
        "file": found.file,
        "line": found.line,
        "col": found.col,
        "end_line": found.end_line,
        "end_col": found.end_col,
        "related": [
            {
                "file": related.place.file,
                "line": related.place.span.line,
                "col": related.place.span.col,
                "message": related.message,
            }
            for related in found.related
        ],
    }


_GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_report(findings: Iterable[Finding]) -> str:
    """Return findings as workflow commands, one a line; GitHub shows them beside the lines of the change.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    return "\n".join(_annotation(found) for found in findings)


def _annotation(found: Finding) -> str:
    properties = {"file": found.file, "line": found.line, "endLine": found.end_line, "col": found.col}
    if found.line == found.end_line:  # GitHub takes columns within one line, and the end as the last character
        properties["endColumn"] = max(found.col, found.end_col - 1)
    properties["title"] = found.slug
    given = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items())
    text = f"{found.message}\n{found.help}" if found.help else found.message
    return f"::{_GITHUB[found.severity]} {given}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for char in "%\r\n" + more:
        text = text.replace(char, f"%{ord(char):02X}")
    return text

"""The report of findings for people: each with its source line and carets. Programs read kongflow/config/formats/."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from kongflow.config.findings import Finding, Severity, gravest
from kongflow.config.text import SourceText

WIDTH = 140
"""Characters of a source line that are shown; of a longer one the part around the finding."""

# C0 but the tab, DEL, C1, line separators, and the marks that reorder text (https://trojansource.codes).
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LOGIN = re.compile(r"(://[^\s:@/]*:)(?!\$\{)(\S+)@")
"""Of a URL in the source. The password ends at the last @, for one that is not encoded may be what is wrong."""
_OF_SECRETS = ("secret-literal", "secret-in-payload")
"""What marks a secret itself: it is not repeated in the log of a CI."""

Style = Callable[[str, str], str]
"""Colours a piece of text: called with its role (`error`, `warning`, `info`, `place`, `dim`) and the text."""


def plain(role: str, text: str) -> str:  # noqa: ARG001 - a Style
    """Return the text without colour."""
    return text


def text_report(
    findings: Sequence[Finding], texts: Mapping[str, str], style: Style = plain, limit: int | None = None
) -> str:
    """Return findings as a person reads them, each with its source line, and a summary in the last line.

    `texts` has the text of every file by its path as it is shown. `limit`: of more findings the gravest are shown, and
    it is said how many there are besides.
    """
    sources = {file: SourceText(file, text) for file, text in texts.items()}
    shown = findings if limit is None else gravest(findings, limit)
    blocks = [_block(found, sources.get(found.file), style) for found in shown]
    if len(shown) < len(findings):
        blocks.append(f"… and {len(findings) - len(shown)} more: --max-findings {len(findings)} shows them all")
    return "\n\n".join([*blocks, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """Return how many errors, warnings and infos there are, and which page to read first."""
    first = min(findings, key=lambda found: found.severity.rank, default=None)
    return counted(findings) + (f"; `kongflow explain {first.slug}` says more" if first else "")


def counted(findings: Sequence[Finding]) -> str:
    """Return how many errors, warnings and infos there are, such as `2 errors, 1 warning`."""
    counts = Counter(found.severity for found in findings)
    words = [_count(counts[severity], severity) for severity in Severity if counts[severity]]
    return ", ".join(words) or "no findings"


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
    columns = max(1, sum(_width(char) for char in inside))
    if found.slug in _OF_SECRETS and "$" not in inside:
        inside = "*" * columns
    caret = "^" * columns
    shown = ellipsis + line[left:start] + inside + line[end:right] + ("…" if right < len(line) else "")
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

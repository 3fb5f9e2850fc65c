"""From an offset in a scalar's value to the place in the file, whatever style the scalar is written in.

Value and raw text are walked together: any run of blanks equals any other (lines are folded and indented, and
escapes may stand for blanks), a doubled quote is one in single quotes, a backslash sequence is one character in double
quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from kongflow.config.findings import Place
from kongflow.config.text import SourceText

_BREAK = re.compile("\r\n|[\n\r]")
_SPACE = re.compile(r"\s+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\r?\n|.))", re.DOTALL)
_BLANK_LETTERS = frozenset("\r\n \tntrvfNLP_")
"""What stands for a blank behind a backslash, or joins two lines."""
_PROPERTY = re.compile(r"[&!]\S*\s+")


def offset_in_file(source: SourceText, node: yaml.ScalarNode, offset: int) -> int:
    """Return where in the file the character at `offset` of a scalar's value is written."""
    value: str = node.value
    at = _content_start(source.text, node)
    end = node.end_mark.index
    for index, written in _steps(source.text, value, at, end, node.style):
        if index > offset:
            break
        at = written
    return min(at, end - 1)


def place_in_scalar(source: SourceText, node: yaml.ScalarNode, start: int, end: int) -> Place:
    """Return where in the file the characters from `start` up to `end` of a scalar's value are written."""
    first, last = (offset_in_file(source, node, offset) for offset in (start, max(start, end - 1)))
    behind = last + _width(source.text, last, node.style)
    return source.place(first, min(behind, max(node.end_mark.index, last + 1)))


def _content_start(text: str, node: yaml.ScalarNode) -> int:
    start: int = node.start_mark.index
    while found := _PROPERTY.match(text, start):
        start = found.end()
    if node.style in ("'", '"'):
        return start + 1
    if node.style in ("|", ">"):
        header = _BREAK.search(text, start)
        return header.end() if header else start
    return start


def _steps(text: str, value: str, at: int, end: int, style: str | None) -> Iterator[tuple[int, int]]:
    """Yield value offset and file offset of every character or run of white space, in order."""
    index = 0
    while index < len(value) and at < end:
        here, behind = _SPACE.match(value, index), _behind_blanks(text, at, style)
        if behind > at and not here:  # the indentation of the first line
            at = behind
            continue
        yield index, at
        if here and behind > at:
            index, at = here.end(), behind
        else:
            index, at = index + 1, at + _width(text, at, style)


def _behind_blanks(text: str, at: int, style: str | None) -> int:
    """Return where a run of blanks ends; in double quotes escapes may be part of it."""
    while True:
        found = _SPACE.match(text, at)
        at = found.end() if found else at
        escape = _ESCAPE.match(text, at) if style == '"' else None
        if escape is None or not _is_blank(escape):
            return at
        at = escape.end()


def _is_blank(escape: re.Match[str]) -> bool:
    code = escape[1] or escape[2] or escape[3]
    return chr(int(code, 16)).isspace() if code else escape[4][-1] in _BLANK_LETTERS


def _width(text: str, at: int, style: str | None) -> int:
    if style == "'" and text.startswith("''", at):
        return 2
    escape = _ESCAPE.match(text, at) if style == '"' else None
    return len(escape.group()) if escape else 1

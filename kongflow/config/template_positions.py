"""From an offset in a scalar's value to the place in the file, whatever style the scalar is written in.

Value and raw text are walked together: any run of white space equals any other (lines are folded and indented), a
doubled quote is one in single quotes, a backslash sequence is one character in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from kongflow.config.findings import Place
from kongflow.config.text import SourceText

_SPACE = re.compile(r"\s+")
_BLANK_IN_QUOTES = re.compile(r"(?:\s|\\[ntr ]|\\\r?\n)+")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PROPERTY = re.compile(r"[&!]\S*\s+")


def offset_in_file(source: SourceText, node: yaml.ScalarNode, offset: int) -> int:
    """Return where in the file the character at `offset` of a scalar's value is written."""
    value: str = node.value
    at = _content_start(source.text, node)
    end = node.end_mark.index
    for index, width in _steps(source.text, value, at, end, node.style):
        if index > offset:
            break
        at = width
    return min(at, end - 1)


def place_in_scalar(source: SourceText, node: yaml.ScalarNode, start: int, end: int) -> Place:
    """Return where in the file the characters from `start` up to `end` of a scalar's value are written."""
    first, last = (offset_in_file(source, node, offset) for offset in (start, max(start, end - 1)))
    return source.place(first, last + 1)


def _content_start(text: str, node: yaml.ScalarNode) -> int:
    start: int = node.start_mark.index
    while found := _PROPERTY.match(text, start):
        start = found.end()
    if node.style in ("'", '"'):
        return start + 1
    if node.style in ("|", ">"):
        return text.index("\n", start) + 1 if "\n" in text[start:] else start
    return start


def _steps(text: str, value: str, at: int, end: int, style: str | None) -> Iterator[tuple[int, int]]:
    """Yield value offset and file offset of every character or run of white space, in order."""
    blank = _BLANK_IN_QUOTES if style == '"' else _SPACE
    index = 0
    while index < len(value) and at < end:
        here, there = _SPACE.match(value, index), blank.match(text, at)
        if there and not here:  # the indentation of the first line
            at = there.end()
            continue
        yield index, at
        if here and there:
            index, at = here.end(), there.end()
        else:
            index, at = index + 1, at + _width(text, at, style)


def _width(text: str, at: int, style: str | None) -> int:
    if style == "'" and text.startswith("''", at):
        return 2
    escape = _ESCAPE.match(text, at) if style == '"' else None
    return len(escape.group()) if escape else 1

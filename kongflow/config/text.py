"""SourceText: a file's text that turns character offsets into lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from kongflow.config.findings import Place, Span

_BREAK = re.compile("\r\n|[\n\r]")  # as in YAML 1.2, JSON, Python and editors; str.splitlines knows more


@dataclass(frozen=True)
class SourceText:
    """The text of one file, as read; `file` is its path as it is shown."""

    file: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its end; an empty one behind the last."""
        if number > len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = _BREAK.search(self.text, start)
        return self.text[start : end.start() if end else len(self.text)]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, col: int) -> int:
        """Return the character offset of a line and column, both from 1; the end of the text behind its last line."""
        return self._starts[line - 1] + col - 1 if line <= len(self._starts) else len(self.text)

    def place(self, start: int, end: int) -> Place:
        """Return the place of the characters from `start` up to `end`, at least one."""
        return Place(self.file, Span(*self.position(start), *self.position(max(end, start + 1))))

    def place_near(self, line: int, col: int) -> Place:
        """Return the place of a character by line and column, or of the nearest that the text has."""
        line = max(1, min(line, len(self._starts)))
        col = max(1, min(col, len(self.line(line)) + 1))
        return Place(self.file, Span(line, col, line, col + 1))

    def first_line(self, start: int, end: int) -> int:
        """Return `end`, or the end of the line in which `start` stands if that comes first."""
        found = _BREAK.search(self.text, start, end)
        return found.start() if found else end

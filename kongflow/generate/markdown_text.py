"""Texts of users inside Markdown: whatever they hold, they stay text, in their cell and on their line."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from kongflow.core.json import Json

_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_MARKS = re.compile(r"[\\`*{}\[\]~|$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BEGINNING = re.compile(r"^(?:[#+=-]|\d+[.)])")


def plain(text: str) -> str:
    """Return a text as Markdown shows it, on one line: no markup but code in backquotes."""
    line = _one_line(text)
    parts: list[str] = []
    at = 0
    for span in _SPAN.finditer(line):
        parts += [_escaped(line[at : span.start()]), code(span[2])]
        at = span.end()
    whole = "".join([*parts, _escaped(line[at:])])
    begins = _BEGINNING.match(whole)  # of a list, a heading or a rule
    return whole if begins is None else f"{whole[: begins.end() - 1]}\\{whole[begins.end() - 1 :]}"


def code(text: str) -> str:
    """Return a text as code, on one line, inside a table too."""
    line = _one_line(text)
    if not line:
        return ""
    if "|" in line:  # inside backquotes nothing can be said otherwise, and outside of a table `\\|` is two characters
        return "<code>" + re.sub(r"[^\w ./:,-]", lambda odd: f"&#{ord(odd.group())};", line) + "</code>"
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{space}{line}{space}{fence}"


def json_code(value: Json) -> str:
    """Return a value as JSON on one line, as code."""
    return code(json.dumps(value, ensure_ascii=False))


def json_block(value: Json) -> list[str]:
    """Return the lines of a block with a value as JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    shown = "".join(
        character if character.isprintable() or character == "\n" else _code_point(character) for character in text
    )
    return ["```json", *shown.split("\n"), "```"]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose cells are Markdown already; a column without anything in it is left out."""
    cells = [list(row) for row in rows]
    kept = [index for index in range(len(headings)) if not index or any(row[index] for row in cells)]
    yield _row([headings[index] for index in kept])
    yield _row(["---"] * len(kept))
    for row in cells:
        yield _row([row[index] for index in kept])


def _row(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return "".join(character if character.isprintable() else _code_point(character) for character in words)


def _escaped(text: str) -> str:
    return html.escape(_MARKS.sub(r"\\\g<0>", text), quote=False)


def _code_point(character: str) -> str:
    return json.dumps(character)[1:-1]

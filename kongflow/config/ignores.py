"""Ignores: comments that silence a finding where it stands, `# kongflow: ignore[cron-uneven] meant like this`.

One behind a value holds for its line, one on a line of its own for the next line that is no such comment; and for all
lines of a text that begins there.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from kongflow.config.document import Document
from kongflow.config.findings import SEVERITIES, Finding, Place, Severity, finding, quoted, suggestion
from kongflow.config.text import SourceText
from kongflow.config.yaml_stream import Loader, range_of

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*kongflow:[ \t]*(?P<said>[^\r\n]*)", re.MULTILINE)
_IGNORE = re.compile(r"ignore\[(?P<slugs>[^\]]*)\]")
Texts: TypeAlias = tuple[tuple[int, int], ...]
"""Where texts begin and end, in order."""
_SLUG = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One slug of a comment, where that stands, and the lines whose findings it silences."""

    slug: str
    place: Place
    lines: range


def without_ignored(findings: Sequence[Finding], documents: Iterable[Document]) -> tuple[Finding, ...]:
    """Return the findings that no comment silences, and what is wrong with the comments: one that silences nothing,
    names what does not exist, or names an error, which cannot be silenced.
    """
    there = {(each.slug, each.file, each.line) for each in findings}
    ignored, told = set[tuple[str, str, int]](), list[Finding]()
    for document in documents:
        for ignore in _ignores_of(document, told):
            where = {(ignore.slug, document.file, line) for line in ignore.lines} & there
            problem = _problem(ignore, is_there=bool(where))
            if problem is not None:
                told.append(problem)
            ignored |= where if problem is None else set()
    return (*(each for each in findings if (each.slug, each.file, each.line) not in ignored), *told)


def _problem(ignore: Ignore, *, is_there: bool) -> Finding | None:
    if ignore.slug not in SEVERITIES:
        advice = suggestion(ignore.slug, SEVERITIES, "`kongflow explain` lists them all")
        return finding("lint-unknown-slug", ignore.place, f"there is no finding {quoted(ignore.slug)}", advice)
    if SEVERITIES[ignore.slug] is Severity.ERROR:
        message = f"{ignore.slug} is an error and cannot be ignored"
        return finding("lint-ignores-error", ignore.place, message, "delete it here and correct what it finds")
    if not is_there:
        message = f"there is no {ignore.slug} in line {ignore.lines.start}"
        return finding("unused-ignore", ignore.place, message, "delete it, or move it to the line that it is for")
    return None


def _ignores_of(document: Document, told: list[Finding]) -> Iterator[Ignore]:
    """Yield the ignores of a file; a comment that is meant for us and says nothing that we know is told."""
    comments = list(_COMMENT.finditer(document.source.text))
    texts = _texts_of(document.source) if comments else ()
    for comment in comments:
        if _is_inside(texts, comment.start()):
            continue
        found = _IGNORE.match(comment["said"])
        slugs = list(_SLUG.finditer(found["slugs"])) if found else []
        if found is None or not slugs:
            place = document.source.place(comment.start(), comment.start() + len(comment[0].rstrip()))
            advice = "write # kongflow: ignore[cron-uneven], with the name of the finding, and why"
            told.append(finding("ignore-syntax", place, "this comment does not say what it ignores", advice))
            continue
        lines = _lines_for(document, document.source.position(comment.start())[0], texts)
        for slug in slugs:
            start = comment.start("said") + found.start("slugs") + slug.start()
            yield Ignore(slug[0], document.source.place(start, start + len(slug[0])), lines)


def _is_inside(texts: Texts, offset: int) -> bool:
    """Say whether a text holds a character, so that a comment that begins there is none."""
    before = bisect_right(texts, offset, key=_begins)
    return before > 0 and offset < texts[before - 1][1]


def _lines_for(document: Document, line: int, texts: Texts) -> range:
    """Return the lines that a comment on this one is about: the next that is none, and the texts that begin in it."""
    source = document.source
    while source.line(line).lstrip().startswith("#"):
        line += 1
    first, behind = (bisect_left(texts, source.offset(each, 1), key=_begins) for each in (line, line + 1))
    ends = [source.position(max(start, end - 1))[0] for start, end in texts[first:behind]]
    return range(line, max([line, *ends]) + 1)


def _begins(text: tuple[int, int]) -> int:
    return text[0]


def _texts_of(source: SourceText) -> Texts:
    """Return where texts stand, in order, in which a `#` is no comment; of a block only the lines below its first."""
    scalars = [event for event in yaml.parse(source.text, Loader=Loader) if isinstance(event, yaml.ScalarEvent)]
    return tuple(
        (source.first_line(start, end) if event.style in ("|", ">") else start, end)
        for event in scalars
        for start, end in [range_of(event)]
    )

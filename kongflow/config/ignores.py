"""Ignores: comments that silence a finding where it stands, `# kongflow: ignore[cron-uneven] meant like this`.

One behind a value holds for its line, one on a line of its own for the next line that is no such comment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from kongflow.config.document import Document
from kongflow.config.findings import SEVERITIES, Finding, Place, Severity, finding, quoted, suggestion
from kongflow.config.text import SourceText
from kongflow.config.yaml_stream import Loader, range_of

_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*kongflow:[ \t]*(?P<said>[^\r\n]*)", re.MULTILINE)
_IGNORE = re.compile(r"ignore\[(?P<slugs>[^\]]*)\]")
_SLUG = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One slug of a comment, where that stands, and the line whose findings it silences."""

    slug: str
    place: Place
    line: int


def without_ignored(findings: Sequence[Finding], documents: Iterable[Document]) -> tuple[Finding, ...]:
    """Return the findings that no comment silences, and what is wrong with the comments: one that silences nothing,
    names what does not exist, or names an error, which cannot be silenced.
    """
    there = {(each.slug, each.file, each.line) for each in findings}
    ignored, told = set[tuple[str, str, int]](), list[Finding]()
    for document in documents:
        for ignore in _ignores_of(document, told):
            where = (ignore.slug, document.file, ignore.line)
            problem = _problem(ignore, is_there=where in there)
            if problem is not None:
                told.append(problem)
            else:
                ignored.add(where)
    return (*(each for each in findings if (each.slug, each.file, each.line) not in ignored), *told)


def _problem(ignore: Ignore, *, is_there: bool) -> Finding | None:
    if ignore.slug not in SEVERITIES:
        advice = suggestion(ignore.slug, SEVERITIES, "`kongflow explain` lists them all")
        return finding("lint-unknown-slug", ignore.place, f"there is no finding {quoted(ignore.slug)}", advice)
    if SEVERITIES[ignore.slug] is Severity.ERROR:
        message = f"{ignore.slug} is an error and cannot be ignored"
        return finding("lint-ignores-error", ignore.place, message, "delete it here and correct what it finds")
    if not is_there:
        message = f"there is no {ignore.slug} in line {ignore.line}"
        return finding("unused-ignore", ignore.place, message, "delete it, or move it to the line that it is for")
    return None


def _ignores_of(document: Document, told: list[Finding]) -> Iterator[Ignore]:
    """Yield the ignores of a file; a comment that is meant for us and says nothing that we know is told."""
    for comment in _comments_of(document):
        found = _IGNORE.match(comment["said"])
        slugs = list(_SLUG.finditer(found["slugs"])) if found else []
        if found is None or not slugs:
            place = document.source.place(comment.start(), comment.start() + len(comment[0].rstrip()))
            advice = "write # kongflow: ignore[cron-uneven], with the name of the finding, and why"
            told.append(finding("ignore-syntax", place, "this comment does not say what it ignores", advice))
            continue
        line = _line_for(document, document.source.position(comment.start())[0])
        for slug in slugs:
            start = comment.start("said") + found.start("slugs") + slug.start()
            yield Ignore(slug[0], document.source.place(start, start + len(slug[0])), line)


def _comments_of(document: Document) -> Iterator[re.Match[str]]:
    comments = list(_COMMENT.finditer(document.source.text))
    texts = _texts_of(document.source) if comments else ()
    for comment in comments:
        before = bisect_right(texts, (comment.start(), len(document.source.text)))
        if before == 0 or texts[before - 1][1] <= comment.start():
            yield comment


def _line_for(document: Document, line: int) -> int:
    """Return the line that a comment on this one is about."""
    while document.source.line(line).lstrip().startswith("#"):
        line += 1
    return line


def _texts_of(source: SourceText) -> tuple[tuple[int, int], ...]:
    """Return where texts stand, in order, in which a `#` is no comment; of a block only the lines below its first."""
    scalars = [event for event in yaml.parse(source.text, Loader=Loader) if isinstance(event, yaml.ScalarEvent)]
    return tuple(
        (source.first_line(start, end) if event.style in ("|", ">") else start, end)
        for event in scalars
        for start, end in [range_of(event)]
    )

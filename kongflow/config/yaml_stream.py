"""The first look at a YAML text, event by event: what must be known before anything is composed.

The C composer takes deep nesting by recursion and dies of it at some 300 000 levels, so depth, aliases, documents
and tags are counted on the event stream, which is flat; so are keys and values, since composing many takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from kongflow.config.findings import Finding, Place, finding
from kongflow.config.text import SourceText

MAX_DEPTH = 50
"""Levels of nesting; nobody goes deeper by hand."""
MAX_ALIASES = 200
MAX_NODES = 200_000
"""Keys and values of one file, written or by aliases; a thousand tasks have some 30,000."""

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def stream_findings(source: SourceText) -> tuple[Finding, ...]:
    """Return what stands against composing this text; the walk ends at the first limit that is passed.

    Raises: yaml.YAMLError for a syntax error.
    """
    try:
        return tuple(_walk(source))
    except yaml.MarkedYAMLError as error:
        # libyaml 0.2.6 limits nesting in its scanner, which reads ahead of the events that are counted here.
        if error.problem != "exceeded maximum nesting depth" or error.problem_mark is None:
            raise
        at = min(error.problem_mark.index, len(source.text) - 1)
        return (_too_deep(source.place(at, at + 1)),)


def range_of(item: yaml.Event | yaml.Node) -> tuple[int, int]:
    """Return the offsets of a node's or event's first character and of the one behind its last."""
    start, end = item.start_mark, item.end_mark
    assert start is not None  # a parser sets both
    assert end is not None
    return start.index, end.index


def _walk(source: SourceText) -> Iterator[Finding]:
    counts = _Counts()
    for event in yaml.parse(source.text, Loader=Loader):
        counts.add(event)
        if counts.are_too_many:
            yield _limit_passed(counts, source, *range_of(event))
            return
        if getattr(event, "tag", None) is not None:
            start, end = range_of(event)
            tag = source.text.index("!", start)  # an anchor may stand before it
            place = source.place(tag, source.first_line(tag, end))
            yield finding("yaml-tag", place, "tags are not read", "delete the tag; quote the value to make it text")


@dataclass
class _Counts:
    """What has been met so far; `depth` is that of the place where the walk is."""

    depth: int = 0
    nodes: int = 0
    aliases: int = 0
    documents: int = 0

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent):
            self.nodes += 1
            self.depth += isinstance(event, yaml.CollectionStartEvent)
            self.aliases += isinstance(event, yaml.AliasEvent)
        else:
            self.depth -= isinstance(event, yaml.CollectionEndEvent)
            self.documents += isinstance(event, yaml.DocumentStartEvent)

    @property
    def are_too_many(self) -> bool:
        return self.depth > MAX_DEPTH or self.nodes > MAX_NODES or self.aliases > MAX_ALIASES or self.documents > 1


def _limit_passed(counts: _Counts, source: SourceText, start: int, end: int) -> Finding:
    if counts.depth > MAX_DEPTH:
        return _too_deep(source.place(start, start + 1))
    if counts.nodes > MAX_NODES:
        message = f"the file holds more than {MAX_NODES:,} keys and values"
        return finding("file-too-large", source.place(start, end), message, "split it into files that `include` names")
    if counts.aliases > MAX_ALIASES:
        message = f"more than {MAX_ALIASES} aliases in one file"
        advice = "use `defaults` or a named retry policy instead of repeating an anchor"
        return finding("yaml-anchor-limit", source.place(start, end), message, advice)
    message = "a second document begins here; a file holds one"
    advice = "delete the line, or move what follows into a file that `include` names"
    return finding("yaml-multiple-documents", source.place(start, min(end, start + 3)), message, advice)


def _too_deep(place: Place) -> Finding:
    message = f"nested deeper than {MAX_DEPTH} levels"
    return finding("yaml-nesting", place, message, "flatten it; look for brackets that are never closed")

"""The first look at a YAML text, event by event: what must be known before anything is composed.

The C composer takes deep nesting by recursion and dies of it at some 300 000 levels, so depth, aliases, documents
and tags are counted on the event stream, which is flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from kongflow.config.findings import Finding, Place, finding
from kongflow.config.text import SourceText

MAX_DEPTH = 50
"""Levels of nesting; nobody goes deeper by hand."""
MAX_ALIASES = 200

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
    depth = aliases = documents = 0
    for event in yaml.parse(source.text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        start, end = range_of(event)
        if depth > MAX_DEPTH:
            yield _too_deep(source.place(start, start + 1))
            return
        if aliases > MAX_ALIASES:
            message = f"more than {MAX_ALIASES} aliases in one file"
            advice = "use `defaults` or a named retry policy instead of repeating an anchor"
            yield finding("yaml-anchor-limit", source.place(start, end), message, advice)
            return
        if documents > 1:
            message = "a second document begins here; a file holds one"
            advice = "delete the line, or move what follows into a file that `include` names"
            yield finding("yaml-multiple-documents", source.place(start, min(end, start + 3)), message, advice)
            return
        if getattr(event, "tag", None) is not None:
            tag = source.text.index("!", start)  # an anchor may stand before it
            place = source.place(tag, source.first_line(tag, end))
            yield finding("yaml-tag", place, "tags are not read", "delete the tag; quote the value to make it text")


def _too_deep(place: Place) -> Finding:
    message = f"nested deeper than {MAX_DEPTH} levels"
    return finding("yaml-nesting", place, message, "flatten it; look for brackets that are never closed")

"""From composed YAML nodes to plain values: YAML 1.2 core scalars, and every trap of mappings as a finding."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import yaml

from kongflow.config.findings import Finding, Place, Related, finding, quoted
from kongflow.config.text import SourceText
from kongflow.config.yaml_stream import MAX_DEPTH, MAX_NODES, Loader, range_of
from kongflow.core.json import MAX_INTEGER, MIN_INTEGER, Json

_STR = "tag:yaml.org,2002:str"
_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
_KINDS = {_NULL: "null", _BOOL: "a boolean", _INT: "an integer", _FLOAT: "a number"}

_NUMBER_STARTS = "-+.0123456789"
# YAML 1.2 core (https://yaml.org/spec/1.2.2/#103-core-schema): `no` and `22:22` are text, 0o17 is octal, 017 is 17.
_CORE = (
    (_NULL, re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    (_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    (_INT, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), list(_NUMBER_STARTS)),
    (_FLOAT, re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), list(_NUMBER_STARTS)),
    (_FLOAT, re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), list(_NUMBER_STARTS)),
)


class _CoreLoader(Loader):  # type: ignore[misc]
    """PyYAML's composer with the resolver table of YAML 1.2 in place of that of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute


for _tag, _pattern, _first in _CORE:
    _CoreLoader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern.pattern})$"), _first)


def compose(source: SourceText) -> yaml.Node | None:
    """Return the node tree of a text that `stream_findings` let pass. None: it is empty. Raises: yaml.YAMLError."""
    node: yaml.Node | None = yaml.compose(source.text, Loader=_CoreLoader)
    return node


def scalar(text: str) -> Json:
    """Return what a plain YAML scalar of this text is: a number, a boolean, null or the text itself."""
    for tag, pattern, _ in _CORE:
        if pattern.fullmatch(text):
            return _plain(tag, text)
    return text


def values(source: SourceText, root: yaml.Node) -> tuple[Json, tuple[Finding, ...]]:
    """Return the plain value of a node tree and every finding in it; aliased nodes share one value."""
    reader = _Reader(source)
    value, size, height = reader.read(root)
    if not reader.findings and size > MAX_NODES:  # `stream_findings` let pass what is written: aliases are the cause
        reader.findings.append(_too_large(source, root))
    if not reader.findings and height > MAX_DEPTH:
        reader.findings.append(_too_deep(source, root))
    return value, tuple(reader.findings)


class _Reader:
    """One walk. Nodes are read once; `size` and `height` count what their aliases expand to."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.findings: list[Finding] = []
        self._done: dict[int, tuple[Json, int, int]] = {}
        self._open: set[int] = set()

    def read(self, node: yaml.Node) -> tuple[Json, int, int]:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node), 1, 1
        done = self._done.get(id(node))
        if done is not None:
            return done
        if id(node) in self._open:
            place = self.source.place(
                node.start_mark.index, self.source.first_line(node.start_mark.index, node.end_mark.index)
            )
            message = "an alias inside this value refers to the value itself"
            self.findings.append(finding("yaml-recursive-alias", place, message, "break the loop: write the value out"))
            return None, 1, 1
        self._open.add(id(node))
        result = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._open.remove(id(node))
        self._done[id(node)] = result
        return result

    def _sequence(self, node: yaml.Node) -> tuple[Json, int, int]:
        items = [self.read(item) for item in node.value]
        return (
            [value for value, _, _ in items],
            1 + sum(size for _, size, _ in items),
            1 + max((height for _, _, height in items), default=0),
        )

    def _mapping(self, node: yaml.MappingNode) -> tuple[Json, int, int]:
        result: dict[str, Json] = {}
        first: dict[str, yaml.Node] = {}
        total, highest = 1, 0
        for key_node, value_node in node.value:
            value, size, height = self.read(value_node)  # the value of a duplicate is looked at too
            total, highest = total + 1 + size, max(highest, height)
            key = self._key(key_node)
            if key is None:
                continue
            if key in first:
                self._duplicate(key, key_node, first[key])
                continue
            first[key] = key_node
            result[key] = value
        return result, total, highest + 1

    def _scalar(self, node: yaml.ScalarNode) -> Json:
        if node.tag == _STR:
            if "\x00" in node.value:
                self._at(node, "yaml-control-character", "a NUL character cannot be stored", "delete it")
            return node.value
        value = _plain(node.tag, node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._at(node, "yaml-not-finite", "infinity and NaN cannot be stored", "give a finite number")
        elif isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
            advice = "quote it, if it is a name or an id"
            self._at(node, "yaml-integer-too-large", "an integer beyond 64 bits cannot be stored", advice)
        else:
            return value
        return None

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            start = node.start_mark.index
            braces = self.source.text[max(start - 1, 0) : start + 1] == "{{"
            advice = "templates are written << … >>" if braces else "give the key a name"
            self._at(node, "yaml-key-type", "a list or a mapping cannot be a key", advice)
            return None
        text: str = node.value
        if node.tag != _STR:
            message = f"the key is read as {_KINDS.get(node.tag, 'something')}, not as text"
            self._at(node, "yaml-key-type", message, f'quote it: "{text}"' if text else "write a name before the colon")
            return None
        if text == "<<" and not node.style:
            advice = "use `defaults` or a named retry policy; an alias of a whole value (key: *name) is fine"
            self._at(node, "yaml-merge-key", "merge keys are not read", advice)
            return None
        if "${" in text:
            self._at(node, "env-in-key", "variables are not filled into keys", "write the name out")
            return None
        if "<<" in text:
            self._at(node, "template-in-key", "a key cannot be a template", "write the name out")
            return None
        return text

    def _duplicate(self, key: str, node: yaml.Node, earlier: yaml.Node) -> None:
        before = self.source.place(earlier.start_mark.index, earlier.end_mark.index)
        place = self.source.place(node.start_mark.index, node.end_mark.index)
        message = f"the key {quoted(key)} already stands at line {before.span.line}"
        related = (Related(before, "first written here"),)
        self.findings.append(finding("yaml-duplicate-key", place, message, "delete one of the two", related))

    def _at(self, node: yaml.Node, slug: str, message: str, help: str) -> None:
        start = node.start_mark.index
        place = self.source.place(start, self.source.first_line(start, node.end_mark.index))
        self.findings.append(finding(slug, place, message, help))


def _plain(tag: str, text: str) -> Json:
    if tag == _NULL:
        return None
    if tag == _BOOL:
        return text[0] in "tT"
    if tag == _INT:
        return _integer(text)
    if text.lstrip("-+").lower() in (".inf", ".nan"):
        return float(text.replace(".", "", 1))
    return float(text)


def _integer(text: str) -> int:
    if len(text) > 40:  # far beyond 64 bits in every base; int() itself refuses thousands of digits
        return MAX_INTEGER + 1
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if text.startswith("0x") else int(text)


def _too_large(source: SourceText, root: yaml.Node) -> Finding:
    message = f"aliases blow this file up to more than {MAX_NODES:,} keys and values"
    advice = "use `defaults` or a named retry policy instead of nested anchors"
    return finding("yaml-anchor-limit", _first_alias(source, root), message, advice)


def _too_deep(source: SourceText, root: yaml.Node) -> Finding:
    message = f"aliases nest values deeper than {MAX_DEPTH} levels"
    return finding("yaml-nesting", _first_alias(source, root), message, "write the values out, flatter")


def _first_alias(source: SourceText, root: yaml.Node) -> Place:
    for event in _aliases(source):
        return source.place(*range_of(event))
    start, _ = range_of(root)
    return source.place(start, start + 1)


def _aliases(source: SourceText) -> Iterator[yaml.AliasEvent]:
    return (event for event in yaml.parse(source.text, Loader=Loader) if isinstance(event, yaml.AliasEvent))

"""Document: one YAML file as plain values, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from kongflow.config.findings import Finding, Place, Related, finding, quoted
from kongflow.config.text import SourceText
from kongflow.config.yaml_stream import stream_findings
from kongflow.config.yaml_values import compose, values
from kongflow.core.json import Json

MAX_FILE = 4 << 20
"""Bytes. A thousand tasks are some 300 kB."""

KeyPath: TypeAlias = tuple[str | int, ...]

# What YAML calls non-printable (https://yaml.org/spec/1.2.2/#51-character-set).
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, eq=False)
class Document:
    """One YAML file, read. `value` is plain data; places are looked up in the nodes it was made from."""

    path: Path
    source: SourceText
    value: Json
    root: yaml.Node | None

    @property
    def file(self) -> str:
        """The path as it is shown."""
        return self.source.file

    @property
    def start(self) -> Place:
        """The first character of the file."""
        return self.source.place(0, 1)

    def key_place(self, path: KeyPath) -> Place:
        """Return the place of the key at a path; of the item where the path ends in a list."""
        if not path:
            return self.start
        parent = self._node(path[:-1])
        if isinstance(parent, yaml.MappingNode):
            for key, _ in parent.value:
                if isinstance(key, yaml.ScalarNode) and key.value == path[-1]:
                    return self._place(key)
        node = self._node(path)
        return self.start if node is None else self._place(node)

    def value_place(self, path: KeyPath) -> Place:
        """Return the place of the value at a path: of a collection its first line, of nothing at all its key."""
        node = self._node(path)
        if node is None:
            return self.start
        if path and node.start_mark.index == node.end_mark.index and isinstance(path[-1], str):
            return self.key_place(path)
        return self._place(node)

    def scalar_node(self, path: KeyPath) -> yaml.ScalarNode | None:
        """Return the node of a scalar, for who must know how it is written; None where none stands there."""
        node = self._node(path)
        return node if isinstance(node, yaml.ScalarNode) else None

    def path_at(self, offset: int) -> KeyPath:
        """Return the path of the innermost value or key that is written at a character; () where there is none."""
        path: list[str | int] = []
        node = self.root
        while node is not None:
            inside = _step_at(node, offset)
            path += [step for step, _ in inside]
            node = inside[0][1] if inside else None
        return tuple(path)

    def _place(self, node: yaml.Node) -> Place:
        start, end = node.start_mark.index, node.end_mark.index
        if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
            end = self.source.first_line(start, end)
        return self.source.place(start, start + len(self.source.text[start:end].rstrip()))

    def _node(self, path: KeyPath) -> yaml.Node | None:
        node = self.root
        for step in path:
            if isinstance(node, yaml.MappingNode):
                node = next((value for key, value in node.value if key.value == step), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return None
        return node


def _step_at(node: yaml.Node, offset: int) -> Sequence[tuple[str | int, yaml.Node | None]]:
    """Return the step into a collection that leads to an offset, and the value there unless that stands elsewhere: an
    offset in a key leads to no value, and neither does an alias. None leads there: nothing.
    """

    def holds(value: yaml.Node) -> bool:  # what begins before the collection is an alias, and may be what it is in
        return bool(node.start_mark.index < value.start_mark.index <= offset < value.end_mark.index)

    if isinstance(node, yaml.SequenceNode):
        return [(index, item) for index, item in enumerate(node.value) if holds(item)][:1]
    if isinstance(node, yaml.MappingNode):
        before = [pair for pair in node.value if pair[0].start_mark.index <= offset][-1:]
        return [(key.value, value if holds(value) else None) for key, value in before if isinstance(key.value, str)]
    return []


def read_document(path: Path, file: str) -> tuple[Document, tuple[Finding, ...]]:
    """Return a YAML file and what is wrong with it as YAML; with findings its value is None.

    `file` is the path as it is shown. Raises: OSError where the file cannot be read.
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    return parse_document(path, file, data)


def parse_document(path: Path, file: str, data: bytes) -> tuple[Document, tuple[Finding, ...]]:
    """Return the document of a file's bytes and what is wrong with them as YAML."""
    source = SourceText(file, data[:MAX_FILE].decode("utf-8-sig", errors="replace"))
    findings = _text_findings(source, data)
    value, root = None, None
    if not findings:
        try:
            findings = stream_findings(source)
            root = None if findings else compose(source)
            if root is not None:
                value, findings = values(source, root)
        except yaml.YAMLError as error:
            findings = (_syntax_finding(source, error),)
    return Document(path, source, None if findings else value, root), findings


def _text_findings(source: SourceText, data: bytes) -> tuple[Finding, ...]:
    if len(data) > MAX_FILE:
        message = f"the file is larger than {MAX_FILE >> 20} MiB"
        return (finding("file-too-large", source.place(0, 1), message, "split it into files that `include` names"),)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = len(data[: error.start].decode("utf-8-sig"))
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        return (
            finding("yaml-encoding", source.place(before, before + 1), message, "save the file with UTF-8 encoding"),
        )
    odd = _NOT_PRINTABLE.search(source.text)
    if odd:
        message = f"the control character U+{ord(odd.group()):04X} cannot stand in YAML"
        place = source.place(odd.start(), odd.end())
        return (finding("yaml-control-character", place, message, f"delete it, or write {_escape(odd)} in quotes"),)
    return ()


def _escape(odd: re.Match[str]) -> str:
    code = ord(odd.group())
    return f'"\\x{code:02x}"' if code < 256 else f'"\\u{code:04x}"'


def _syntax_finding(source: SourceText, error: yaml.YAMLError) -> Finding:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return finding("yaml-syntax", source.place(0, 1), str(error).partition("\n")[0])
    offset = min(error.problem_mark.index, max(len(source.text) - 1, 0))
    message = (error.problem or "this is not YAML").replace("did not find expected", "expected")
    related: tuple[Related, ...] = ()
    if error.context and error.context_mark and error.context_mark.index < offset:
        began = source.place(error.context_mark.index, error.context_mark.index + 1)
        related = (Related(began, f"{error.context} that begins here"),)
    advice = _syntax_help(source, offset, message)
    return finding("yaml-syntax", source.place(offset, offset + 1), message, advice, related)


def _syntax_help(source: SourceText, offset: int, message: str) -> str:
    line = source.line(source.position(offset)[0])
    at = source.text[offset : offset + 1]
    if at == "\t" or "'\\t'" in message:
        return "indent with spaces; YAML knows no tabs there"
    if "{{" in line:
        return "templates are written << … >>"
    if "${" in line:
        return 'inside { } or [ ] a value with ${ must be quoted: "${NAME}"'
    if "<<" in line:
        return "quote a value that holds a template and a comma, ' #' or ': '"
    if "mapping values" in message:
        return "quote a value that holds ': '; check the indentation of the line before"
    if source.text[offset - 1 : offset] == "*":
        return "quote a value that begins with '*'"
    if at and at in "@`%*&!|>{[":
        return f"quote a value that begins with {quoted(at)}"
    return "check indentation, brackets and quotes here and in the lines before"

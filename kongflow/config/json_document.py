"""JsonDocument: one JSON file as plain values, and where each of them stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import NamedTuple

from kongflow.config.document import MAX_FILE, KeyPath
from kongflow.config.findings import Finding, Place, finding
from kongflow.config.text import SourceText
from kongflow.core.json import Json

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_CONSTANT = re.compile(rf"{_STRING}|(NaN|-?Infinity)")
_MARK = re.compile(rf"(?P<key>{_STRING})(?=[ \t\r\n]*:)|{_STRING}|(?P<open>[{{\[])|(?P<close>[}}\]])")
"""What a walk through valid JSON must know: keys, brackets, and texts, in which neither counts."""
_SCALAR = re.compile(rf"{_STRING}|[^ \t\r\n,}}\]]+")


_TRAILING = "there is a comma before the closing bracket"


@dataclass(frozen=True, eq=False)
class JsonDocument:
    """One JSON file, read. Places are found by reading the text again: they are needed for findings only."""

    path: Path
    source: SourceText
    value: Json

    def value_place(self, path: KeyPath) -> Place:
        """Return the place of the value at a path; of a collection its first line."""
        found = _locate(self.source.text, path)
        return self.source.place(found.start, self.source.first_line(found.start, found.end))

    def key_place(self, path: KeyPath) -> Place:
        """Return the place of the key at a path; of the item where the path ends in a list."""
        found = _locate(self.source.text, path)
        return self.value_place(path) if found.key_end == 0 else self.source.place(found.key_start, found.key_end)

    def path_at(self, offset: int) -> KeyPath:
        """Return the path of the innermost value or key that is written at a character; () where there is none."""
        path: list[str | int] = []
        start: int | None = _skip(self.source.text, 0)
        while start is not None:
            members = _members(self.source.text, start)
            found = next((each for each in members if (each.key_start or each.start) <= offset < each.end), None)
            path += [found.step] if found else []
            start = found.start if found and found.start <= offset else None
        return tuple(path)


class _Member(NamedTuple):
    """One member of an object or list: its step, and where its key (0, 0 in a list) and its value stand."""

    step: str | int
    key_start: int
    key_end: int
    start: int
    end: int


class _Constant(ValueError):
    """NaN or an infinity."""


def read_json(path: Path, file: str) -> tuple[JsonDocument, tuple[Finding, ...]]:
    """Return a JSON file and why it is none. `file` is the path as it is shown. Raises: OSError."""
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    source = SourceText(file, data[:MAX_FILE].decode("utf-8-sig", errors="replace"))
    if len(data) > MAX_FILE:
        message = f"the file is larger than {MAX_FILE >> 20} MiB"
        return JsonDocument(path, source, None), (finding("file-too-large", source.place(0, 1), message),)
    try:
        data.decode("utf-8")
        value, twice = _parse(source.text)
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8-sig"))
        return _not_json(path, source, at, "this byte is not UTF-8", "save the file with UTF-8 encoding")
    except json.JSONDecodeError as error:
        advice = "the file must be JSON: double quotes, no comments, no comma before a closing bracket"
        return _not_json(path, source, *_mistake(error), advice)
    except _Constant as error:
        at = next(found.start() for found in _CONSTANT.finditer(source.text) if found[1])
        return _not_json(path, source, at, f"{error} is not JSON", "give a finite number")
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        return _not_json(path, source, 0, "this is nested too deeply, or a number is too long", "")
    if twice:
        key, at = _first_duplicate(source.text)
        return _not_json(path, source, at, f"the key {key!r} stands twice in one object", "delete one of the two")
    return JsonDocument(path, source, value), ()


def _mistake(error: json.JSONDecodeError) -> tuple[int, str]:
    """Return where a text is no JSON, and why. Of a comma before a closing bracket each Python says something else."""
    before = error.doc[: error.pos].rstrip(" \t\r\n")
    if error.msg.startswith("Illegal trailing comma"):
        return error.pos, _TRAILING
    if before.endswith(",") and error.doc[error.pos : error.pos + 1] in ("}", "]"):
        return len(before) - 1, _TRAILING
    return error.pos, error.msg[0].lower() + error.msg[1:]


def _parse(text: str) -> tuple[Json, bool]:
    """Return the value of a JSON text, and whether a key stands twice in any object of it. Raises: as json.loads."""
    twice = False

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        nonlocal twice
        found = dict(pairs)
        twice = twice or len(found) < len(pairs)
        return found

    return json.loads(text, object_pairs_hook=members, parse_constant=_refuse_constant), twice


def _not_json(
    path: Path, source: SourceText, at: int, message: str, help: str
) -> tuple[JsonDocument, tuple[Finding, ...]]:
    return JsonDocument(path, source, None), (finding("schema-not-json", source.place(at, at + 1), message, help),)


def _locate(text: str, path: KeyPath) -> _Member:
    """Return the place of the value at a path, or of the nearest value around it that exists."""
    start = _skip(text, 0)
    found = _Member("", 0, 0, start, len(text.rstrip()))
    for step in path:
        inner = [member for member in _members(text, found.start) if member.step == step]
        if not inner:
            break
        found = inner[-1]
    return found


def _members(text: str, start: int) -> Iterator[_Member]:
    opening = text[start : start + 1]
    if opening not in ("{", "["):
        return
    at, index = _skip(text, start + 1), 0
    while text[at] not in "}]":
        key, key_start, key_end = "", 0, 0
        if opening == "{":
            key_start = at
            key, key_end = scanstring(text, at + 1, True)
            at = _skip(text, _skip(text, key_end) + 1)
        end = _end(text, at)
        yield _Member(key if opening == "{" else index, key_start, key_end, at, end)
        index += 1
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _end(text: str, start: int) -> int:
    """Return where the value that begins at `start` ends; by counting brackets, since it may be nested deeply."""
    if text[start] not in "{[":
        scalar = _SCALAR.match(text, start)
        assert scalar is not None  # the text is valid
        return scalar.end()
    depth = 0
    for mark in _MARK.finditer(text, start):
        depth += bool(mark["open"]) - bool(mark["close"])
        if depth == 0:
            return mark.end()
    return len(text)


def _first_duplicate(text: str) -> tuple[str, int]:
    """Return the first key of a valid text that stands twice in its object, and where it does so again."""
    keys: list[set[str]] = []
    for mark in _MARK.finditer(text):
        if mark["open"]:
            keys.append(set())
        elif mark["close"]:
            keys.pop()
        elif mark["key"]:
            key = json.loads(mark["key"])
            if key in keys[-1]:
                return key, mark.start()
            keys[-1].add(key)
    raise AssertionError("no key stands twice")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # the pattern matches nothing too
    return match.end()


def _refuse_constant(name: str) -> Json:
    raise _Constant(name)

"""Expression: what stands between `<<` and `>>`. Here the plain case, a dotted name such as `payload.id`.

Anything that is more than a dotted name goes through Jinja (`sandbox.py`); both give the same value for the same name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from kongflow.core.json import Json
from kongflow.core.spelling import did_you_mean
from kongflow.core.syntax import Node, Path, dotted
from kongflow.errors import TemplateError

MAX_TEXT = 256 * 1024
"""Characters that one template may print: far over any name, far under what a payload may hold."""

MAX_DEPTH = 20
"""Levels of nesting in one expression."""

_DOTTED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\s*\.\s*[A-Za-z_][A-Za-z0-9_]*)*)\s*")
_WORD = re.compile("[A-Za-z0-9_]+")
_WORDS = frozenset(
    {"and", "else", "false", "False", "if", "in", "is", "none", "None", "not", "or", "self", "true", "True"}
)
"""A first word that is not a name to Jinja."""


class TemplateSyntaxProblem(ValueError):
    """A template cannot be read. `offset` counts characters of the template's text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Expression(Protocol):
    """One parsed `<< … >>`."""

    @property
    def source(self) -> str:
        """The text between the delimiters, without outer blanks."""
        ...

    @property
    def tree(self) -> Node:
        """What it says, and where in the template."""
        ...

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Return the value. Raises: TemplateError, where a name is missing or an operation is impossible."""
        ...


@dataclass(frozen=True, slots=True)
class DottedName:
    """An expression that is one dotted name; it needs no Jinja."""

    source: str
    path: Path
    tree: Node

    @staticmethod
    def parse(text: str, offset: int) -> DottedName | None:
        """Return the dotted name that `text` is, or None where it is more than that. `offset`: where `text` begins."""
        match = _DOTTED.fullmatch(text)
        if match is None:
            return None
        words = [(word.group(), offset + word.start()) for word in _WORD.finditer(text)]
        path = tuple(word for word, _ in words)
        if path[0] in _WORDS or len(path) > MAX_DEPTH:
            return None
        return DottedName(match[1], path, dotted(words))

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Look the keys up, one after the other."""
        value: Json = scope
        for key in self.path:
            if not isinstance(value, Mapping) or key not in value:
                raise TemplateError(f"<< {self.source} >>: {missing(self.path, scope)}")
            value = value[key]
        return value


def missing(path: Path, scope: Mapping[str, Json]) -> str:
    """Say at which key of `path` the scope ends, and what to do about it."""
    value: Json = scope
    for index, key in enumerate(path):
        if isinstance(value, Mapping) and key in value:
            value = value[key]
            continue
        if index == 0:
            return f"there is no {key!r} here; there is {', '.join(scope)}{did_you_mean(key, scope)}"
        name, holder = ".".join(path[: index + 1]), ".".join(path[:index])
        if not isinstance(value, Mapping):
            return f"{name!r} is missing: {holder!r} is {kind_of(value)}, not an object"
        return f"{name!r} is missing; where it may be, write << {'.'.join(path)} | default(…) >>"
    return f"{'.'.join(path)!r} is missing"


def as_text(value: Json, source: str) -> str:
    """Return what is printed for a value: text as it is, numbers, true and false. 5.0 prints as 5: JSON has one 5.

    Raises: TemplateError for null, lists and objects.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case None:
            raise TemplateError(
                f"<< {source} >> is null, which is never printed into text; where it may be, write | default('…', true)"
            )
    raise TemplateError(f"<< {source} >> is {kind_of(value)}, which is never printed into text; print one field of it")


def kind_of(value: Json) -> str:
    """Return what a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
    return "a list"

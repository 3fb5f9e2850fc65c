"""Names and texts of generated Python: classes for tasks and for what their schemas name, literals, docstrings."""

from __future__ import annotations

import hashlib
import keyword
import re
import textwrap
from collections import Counter
from collections.abc import Iterable

WIDTH = 120
_WORD = re.compile(r"[A-Za-z0-9]+")
_QUOTES = re.compile(r'"(?="|$)')
"""Quotes by which a docstring could end."""
_NOT_FIELDS = frozenset(
    {
        *("bool", "float", "int", "list", "str", "tuple"),
        *("Json", "Literal", "Mapping", "Never", "NotRequired", "Union"),
    }
)
"""Names that types of fields use: inside a class a field of such a name would hide them."""


def class_names(tasks: Iterable[str]) -> dict[str, str]:
    """Return the stem of the classes of each task, `startRun` → `StartRun`.

    Where two tasks would share one, each gets some digits of its own name's hash instead: so a name never depends on
    the order of tasks, nor, once it has digits, on which others there are.
    """
    stems = {task: camel(task) for task in tasks}
    counts = Counter(stems.values())
    return {task: stem if counts[stem] == 1 else f"{stem}_{_digits(task)}" for task, stem in stems.items()}


def camel(text: str) -> str:
    """Return a text as a part of a class name; empty where it has neither letter nor digit."""
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


class Taken:
    """The names that a module has. Those of tasks are taken first, so that no name from inside a schema moves them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)

    def take(self, wanted: str) -> str:
        """Take a name: the wanted one, or that with the first free number behind it."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}{number}"
        self._names.add(name)
        return name

    def give_back(self, name: str) -> None:
        """Free a name that turned out not to be needed."""
        self._names.discard(name)


def is_field(key: str) -> bool:
    """Say whether a key can be written as a field of a class: a name that hides nothing and is not mangled."""
    return (
        key.isascii()
        and key.isidentifier()
        and not keyword.iskeyword(key)
        and not key.startswith("_")
        and key not in _NOT_FIELDS
    )


def text_literal(text: str) -> str:
    """Return a text as Python writes it, in double quotes and on one line."""
    return '"' + "".join(map(_character, text)) + '"'


def docstring(paragraphs: Iterable[str], indent: str) -> list[str]:
    """Return the lines of a docstring; whatever stands in the paragraphs, it ends where it should."""
    width = WIDTH - len(indent) - 6
    lines: list[str] = []
    for paragraph in paragraphs:
        words = " ".join(paragraph.split())
        if words:
            lines += ["", *textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False)]
    shown = [_QUOTES.sub(r'\\"', "".join(map(_in_docstring, line))) for line in lines[1:]]
    if not shown:
        return []
    if len(shown) == 1:
        return [f'{indent}"""{shown[0]}"""']
    return [f'{indent}"""{shown[0]}', *(f"{indent}{line}".rstrip() for line in shown[1:]), f'{indent}"""']


def _character(character: str) -> str:
    return '\\"' if character == '"' else _in_docstring(character)


def _in_docstring(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else repr(character)[1:-1]

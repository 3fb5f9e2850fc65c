"""Syntax: an expression as a tree of nodes that know where they stand. What is checked before anything runs reads it.

It is the same tree for a dotted name, which never meets Jinja, and for what Jinja has parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kongflow.core.json import Json

Path: TypeAlias = tuple[str, ...]
"""A name and plain keys: `payload.owner.id` is ("payload", "owner", "id")."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression; `start` and `end` count characters of the template's text."""

    start: int
    end: int

    @property
    def mark(self) -> tuple[int, int]:
        """Where a caret stands that speaks of this value: at its own last word."""
        return self.start, self.end

    @property
    def children(self) -> tuple[Node, ...]:
        """The nodes right below, in the order of the text."""
        return ()


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A value that is written out."""

    value: Json


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name of the scope."""

    name: str


@dataclass(frozen=True, slots=True)
class Key(Node):
    """One key of an object or one index of a list, known from the text: `.id`, `['id']`, `[0]`."""

    subject: Node
    key: str | int
    word: tuple[int, int]

    @property
    def mark(self) -> tuple[int, int]:
        """The key."""
        return self.word

    @property
    def children(self) -> tuple[Node, ...]:
        """See Node.children."""
        return (self.subject,)


@dataclass(frozen=True, slots=True)
class Index(Node):
    """A key or an index that is computed."""

    subject: Node
    index: Node

    @property
    def children(self) -> tuple[Node, ...]:
        """See Node.children."""
        return (self.subject, self.index)


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """A part of a text or of a list: `[:10]`."""

    subject: Node
    bounds: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """See Node.children."""
        return (self.subject, *self.bounds)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A filter or a test on a value; `options` are the arguments that are given by name."""

    subject: Node
    name: str
    arguments: tuple[Node, ...]
    options: tuple[tuple[str, Node], ...]
    word: tuple[int, int]

    @property
    def mark(self) -> tuple[int, int]:
        """The name of the filter or test."""
        return self.word

    @property
    def children(self) -> tuple[Node, ...]:
        """See Node.children."""
        return (self.subject, *self.arguments, *(node for _, node in self.options))


@dataclass(frozen=True, slots=True)
class Filter(Call):
    """`value | name(arguments)`."""


@dataclass(frozen=True, slots=True)
class Test(Call):
    """`value is name(arguments)`."""


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """What has operands and nothing else to say."""

    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        """See Node.children."""
        return self.operands


@dataclass(frozen=True, slots=True)
class Not(Operation):
    """`not a`."""


@dataclass(frozen=True, slots=True)
class And(Operation):
    """`a and b`."""


@dataclass(frozen=True, slots=True)
class Or(Operation):
    """`a or b`."""


@dataclass(frozen=True, slots=True)
class Concat(Operation):
    """`a ~ b`."""


@dataclass(frozen=True, slots=True)
class ListOf(Operation):
    """`[a, b]`."""


@dataclass(frozen=True, slots=True)
class Choice(Operation):
    """`then if test else otherwise`; the operands are test, then, otherwise."""


@dataclass(frozen=True, slots=True)
class Arithmetic(Operation):
    """`a + b`, and `-a` with one operand."""

    operator: str


@dataclass(frozen=True, slots=True)
class Compare(Operation):
    """`a == b`, also in a chain: there is one operator less than operands; `notin` is one."""

    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf(Operation):
    """`{'a': b}`; keys and values take turns."""


def path_of(node: Node) -> Path | None:
    """Return the path of a node that is a name followed by plain keys, else None."""
    keys: list[str] = []
    while isinstance(node, Key) and isinstance(node.key, str):
        keys.append(node.key)
        node = node.subject
    return (node.name, *reversed(keys)) if isinstance(node, Name) else None


def paths(tree: Node) -> Iterator[Path]:
    """Yield the path of every name in a tree, each with the plain keys that follow it."""
    path = path_of(tree)
    if path is not None:
        yield path
        return
    for child in tree.children:
        yield from paths(child)


def dotted(words: list[tuple[str, int]]) -> Node:
    """Return the tree of a dotted name, of its words and where each begins."""
    (name, start), *keys = words
    node: Node = Name(start, start + len(name), name)
    for key, at in keys:
        node = Key(start, at + len(key), node, key, (at, at + len(key)))
    return node

"""Expressions of generated Python types: what is written between `key:` and the end of the line."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from kongflow.core.json import Json
from kongflow.generate.python_names import text_literal


@dataclass(frozen=True, slots=True)
class Plain:
    """A name that is there already, such as `str`, or a `Literal[…]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A type that the module itself defines, maybe further below."""

    name: str


@dataclass(frozen=True, slots=True)
class Of:
    """A type with arguments, such as `list[str]`."""

    base: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several types."""

    members: tuple[Expression, ...]


Expression: TypeAlias = Plain | Name | Of | OneOf

JSON = Plain("Json")
NEVER = Plain("Never")
NONE = Plain("None")
TEXT = Plain("str")


def rendered(expression: Expression, known: Collection[str]) -> str:
    """Return an expression as it is written. `known`: the names that are defined above; others are quoted."""
    match expression:
        case Plain():
            return expression.text
        case Name():
            return expression.name if expression.name in known else f'"{expression.name}"'
        case Of():
            return f"{expression.base}[{', '.join(rendered(argument, known) for argument in expression.arguments)}]"
    members = [rendered(member, known) for member in expression.members]
    has_quoted = any(member.startswith('"') for member in members)  # which have no `|` when the module is imported
    return f"Union[{', '.join(members)}]" if has_quoted else " | ".join(members)


def one_of(members: Iterable[Expression]) -> Expression:
    """Return the union: each member once, None last; of nothing it is `Never`, with anything in it `Json`."""
    flat: dict[Expression, None] = {}
    for member in members:
        flat.update(dict.fromkeys(member.members if isinstance(member, OneOf) else (member,)))
    if JSON in flat:
        return JSON
    found = [member for member in flat if member not in (NEVER, NONE)] + [NONE] * (NONE in flat)
    if len(found) < 2:
        return found[0] if found else NEVER
    return OneOf(tuple(found))


def exactly(values: Iterable[Json]) -> Expression:
    """Return the type of a few values. What `Literal` does not take is as wide as its Python type."""
    literals: dict[str, None] = {}
    others: list[Expression] = []
    for value in values:
        match value:
            case None:
                others.append(NONE)
            case bool():
                literals[str(value)] = None
            case str():
                literals[text_literal(value)] = None
            case int():
                literals[str(value)] = None
            case float():
                others.append(Plain("float"))
            case list():
                others.append(Of("list", (JSON,)))
            case _:
                others.append(Of("Mapping", (TEXT, JSON)))
    literal = [Plain(f"Literal[{', '.join(literals)}]")] if literals else []
    return one_of([*literal, *others])

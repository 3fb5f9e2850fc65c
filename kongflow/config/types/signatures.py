"""What the filters and tests of templates take and give: one table, for exactly those that `core/filters.py` has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kongflow.config.types.type import (
    ANY_LIST,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Kind,
    ListOf,
    Scalar,
    Type,
    either,
    items_of,
    members,
)

Kinds: TypeAlias = frozenset[Kind]

ANY_KIND: Kinds = frozenset(Kind)
OF_TEXT: Kinds = frozenset({Kind.TEXT})
OF_NUMBER: Kinds = frozenset({Kind.INTEGER, Kind.NUMBER})
OF_INTEGER: Kinds = frozenset({Kind.INTEGER})
OF_LIST: Kinds = frozenset({Kind.LIST})
PRINTED: Kinds = frozenset({Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN})
"""What may be printed into text."""
SORTED: Kinds = OF_TEXT | OF_NUMBER
_SEQUENCE: Kinds = OF_TEXT | OF_LIST
_SIZED: Kinds = _SEQUENCE | {Kind.OBJECT}
_CHARS: Kinds = OF_TEXT | {Kind.NULL}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a filter or a test works on, what it takes beside, and what it gives."""

    subject: Kinds
    gives: Callable[[Type], Type]
    """From the type of what it works on."""
    parameters: tuple[tuple[str, Kinds], ...] = ()
    rest: Kinds = ANY_KIND
    """What further arguments are."""
    items: Kinds = ANY_KIND
    """What the items of a list are."""
    bare: Type | None = None
    """What it gives without arguments, where that is something else."""

    def parameter(self, index: int) -> Kinds:
        """Return what an argument is that is given by its place."""
        return self.parameters[index][1] if index < len(self.parameters) else self.rest

    def option(self, name: str) -> Kinds:
        """Return what an argument is that is given by its name."""
        return dict(self.parameters).get(name, ANY_KIND)


def _always(type_: Type) -> Callable[[Type], Type]:
    return lambda _: type_


def _item(subject: Type) -> Type:
    """Return the type of an item of a list, or of a character of a text."""
    known = members(subject)
    if known is None:
        return ANYTHING
    return either(items_of(member) if isinstance(member, ListOf) else TEXT for member in known)


def _itself(subject: Type) -> Type:
    """Return the type of a number that is as integral as the subject."""
    known = members(subject)
    if known is None:
        return NUMBER
    return INTEGER if all(isinstance(one, Scalar) and one.kind is Kind.INTEGER for one in known) else NUMBER


def _total(subject: Type) -> Type:
    return _itself(_item(subject))


def _list_itself(subject: Type) -> Type:
    return subject if members(subject) is not None else ANY_LIST


_TEXT_TO_TEXT = Signature(OF_TEXT, _always(TEXT))

FILTERS: Mapping[str, Signature] = {
    "abs": Signature(OF_NUMBER, _itself),
    "capitalize": _TEXT_TO_TEXT,
    "center": Signature(OF_TEXT, _always(TEXT), (("width", OF_INTEGER),)),
    "first": Signature(_SEQUENCE, _item),
    "float": Signature(SORTED, _always(NUMBER)),
    "format": Signature(OF_TEXT, _always(TEXT), rest=PRINTED),
    "int": Signature(SORTED, _always(INTEGER)),
    "join": Signature(OF_LIST, _always(TEXT), (("separator", OF_TEXT),), items=PRINTED),
    "last": Signature(_SEQUENCE, _item),
    "length": Signature(_SIZED, _always(INTEGER)),
    "lower": _TEXT_TO_TEXT,
    "max": Signature(OF_LIST, _item, items=SORTED),
    "min": Signature(OF_LIST, _item, items=SORTED),
    "replace": Signature(OF_TEXT, _always(TEXT), (("old", OF_TEXT), ("new", OF_TEXT))),
    "round": Signature(OF_NUMBER, _always(NUMBER), (("precision", OF_INTEGER),), bare=INTEGER),
    "sort": Signature(OF_LIST, _list_itself, items=SORTED),
    "string": Signature(PRINTED, _always(TEXT)),
    "sum": Signature(OF_LIST, _total, items=OF_NUMBER),
    "title": _TEXT_TO_TEXT,
    "tojson": Signature(ANY_KIND, _always(TEXT)),
    "trim": Signature(OF_TEXT, _always(TEXT), (("chars", _CHARS),)),
    "truncate": Signature(OF_TEXT, _always(TEXT), (("length", OF_INTEGER), ("end", OF_TEXT))),
    "unique": Signature(OF_LIST, _list_itself, items=SORTED),
    "upper": _TEXT_TO_TEXT,
    "urlencode": Signature(PRINTED, _always(TEXT)),
}
"""Every filter but `default`, which alone takes what is missing."""

_ASKS = Signature(ANY_KIND, _always(BOOLEAN))
_OF_A_NUMBER = Signature(OF_NUMBER, _always(BOOLEAN))

TESTS: Mapping[str, Signature] = {
    "boolean": _ASKS,
    "divisibleby": Signature(OF_NUMBER, _always(BOOLEAN), (("by", OF_NUMBER),)),
    "even": _OF_A_NUMBER,
    "integer": _ASKS,
    "mapping": _ASKS,
    "none": _ASKS,
    "number": _ASKS,
    "odd": _OF_A_NUMBER,
    "sequence": _ASKS,
    "string": _ASKS,
}
"""Every test but `defined` and `undefined`, which alone take what is missing."""

KINDS_OF_TESTS: Mapping[str, Kinds] = {
    "boolean": frozenset({Kind.BOOLEAN}),
    "integer": OF_INTEGER,
    "mapping": frozenset({Kind.OBJECT}),
    "none": frozenset({Kind.NULL}),
    "number": OF_NUMBER,
    "sequence": OF_LIST,
    "string": OF_TEXT,
}
"""What a value is of which such a test is true."""

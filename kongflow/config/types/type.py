"""The type language: what is known of a value before there is one.

`Anything` is never wrong: what a schema does not say, or says in words that are not understood, raises no finding.
What lies below an object or a list is made when it is asked for, so that a schema may refer to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from kongflow.core.json import Json

MAX_MEMBERS = 32
"""Alternatives of a union, and parts of an object; of more nothing is said."""


class Kind(StrEnum):
    """What a value is, in the words of messages."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value. `opaque`: the schema says more, in a way that is not understood."""

    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Scalar:
    """Null, a boolean, a number or a text; one of `values`, where these are known."""

    kind: Kind
    values: frozenset[Json] | None = None


class Later:
    """A type that is made when it is first asked for."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Type]) -> None:
        self._make = make
        self._made: Type | None = None

    @classmethod
    def of(cls, made: Type) -> Later:
        """Return a type that is there already."""
        return cls(lambda: made)

    @property
    def type(self) -> Type:
        """The type."""
        if self._made is None:
            self._made = self._make()
        return self._made


@dataclass(frozen=True, slots=True, eq=False)
class ListOf:
    """A list: the types of its first items, where they are told apart, and of all others."""

    items: Later
    first: tuple[Later, ...] = ()


class Others(StrEnum):
    """What an object may have beside the properties that are listed."""

    STRICT = "strict"
    """Nothing."""
    LOOSE = "loose"
    """Anything; but where properties are listed, another is most likely a slip."""
    SILENT = "silent"
    """Anything, and nothing is said about it."""


class Presence(StrEnum):
    """Whether an object has a key; the first that any of its parts says holds."""

    NEVER = "never"
    ALWAYS = "always"
    MAYBE = "maybe"
    SILENT = "silent"
    """Nothing is said about it."""
    UNLISTED = "unlisted"
    """Others are listed, this one is not."""
    FREE = "free"
    """No property is listed."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one schema says of an object."""

    properties: Mapping[str, Later] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    """Keys that are always there, by `required` or by a default."""
    never: frozenset[str] = frozenset()
    others: Others | Later = Others.LOOSE
    """With a type this is a map: any other key has a value of it."""

    def read(self, key: str) -> tuple[Presence, Type]:
        """Say whether there is a key, and the type of its value."""
        if key in self.never:
            return Presence.NEVER, ANYTHING
        presence = Presence.ALWAYS if key in self.required else Presence.MAYBE
        if key in self.properties:
            return presence, self.properties[key].type
        if isinstance(self.others, Later):
            return presence, self.others.type
        if key in self.required:
            return presence, ANYTHING
        if self.others is Others.LOOSE:
            return (Presence.UNLISTED if self.properties else Presence.FREE), ANYTHING
        return (Presence.NEVER if self.others is Others.STRICT else Presence.SILENT), ANYTHING


@dataclass(frozen=True, slots=True, eq=False)
class ObjectOf:
    """An object that is as every part says. `certain`: it is one; else the schema speaks of objects only, and the value
    may be something else.
    """

    parts: tuple[Part, ...]
    certain: bool = True

    def read(self, key: str) -> tuple[Presence, Type]:
        """Say whether there is a key, and the type of its value."""
        if len(self.parts) == 1:
            return self.parts[0].read(key)
        said = [part.read(key) for part in self.parts]
        presence = min((presence for presence, _ in said), key=_ORDER.index)
        value: Type = ANYTHING
        for _, type_ in said:
            value = both(value, type_)
        return presence, value

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are listed and can be there, in the order of the schema."""
        keys = dict.fromkeys(key for part in self.parts for key in (*part.properties, *sorted(part.required)))
        return tuple(key for key in keys if self.read(key)[0] is not Presence.NEVER)


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types, none of which is a union or anything."""

    members: tuple[Scalar | ListOf | ObjectOf, ...]


Member: TypeAlias = Scalar | ListOf | ObjectOf
Type: TypeAlias = Anything | Member | Union

ANYTHING = Anything()
UNKNOWN = Anything(opaque=True)
NULL = Scalar(Kind.NULL)
BOOLEAN = Scalar(Kind.BOOLEAN)
INTEGER = Scalar(Kind.INTEGER)
NUMBER = Scalar(Kind.NUMBER)
TEXT = Scalar(Kind.TEXT)
_ANY_PART = Part()
ANY_OBJECT = ObjectOf((_ANY_PART,))
ANY_LIST = ListOf(Later.of(ANYTHING))

_ORDER = tuple(Presence)


def object_of(properties: Mapping[str, Type]) -> ObjectOf:
    """Return an object that has these keys and no others."""
    later = {key: Later.of(type_) for key, type_ in properties.items()}
    return ObjectOf((Part(later, frozenset(properties), others=Others.STRICT),))


def members(type_: Type) -> tuple[Member, ...] | None:
    """Return the alternatives of a type; None where it may be anything."""
    if isinstance(type_, Anything) or (isinstance(type_, ObjectOf) and not type_.certain):
        return None
    if not isinstance(type_, Union):
        return (type_,)
    return None if any(isinstance(one, ObjectOf) and not one.certain for one in type_.members) else type_.members


def kind_of(member: Member) -> Kind:
    """Return the kind of a type that is no union."""
    if isinstance(member, Scalar):
        return member.kind
    return Kind.LIST if isinstance(member, ListOf) else Kind.OBJECT


def literal(value: Json) -> Type:
    """Return the type of exactly one value; of an object or a list, that it is one."""
    match value:
        case None:
            return NULL
        case bool():
            return Scalar(Kind.BOOLEAN, frozenset({value}))
        case str():
            return Scalar(Kind.TEXT, frozenset({value}))
        case int() | float():
            integral = isinstance(value, int) or value.is_integer()
            return Scalar(Kind.INTEGER if integral else Kind.NUMBER, frozenset({value}))
    return ANY_OBJECT if isinstance(value, Mapping) else ANY_LIST


def literals(values: Sequence[Json]) -> Type:
    """Return the type of one of these values. Raises: ValueError for none at all."""
    scalars: dict[Kind, set[Json]] = {}
    types: list[Type] = []
    for value in values:
        type_ = literal(value)
        if isinstance(type_, Scalar) and type_.values is not None:
            scalars.setdefault(type_.kind, set()).update(type_.values)
        else:
            types.append(type_)
    return either([*(Scalar(kind, frozenset(known)) for kind, known in scalars.items()), *types])


# --- combining -------------------------------------------------------------------------------------------------------


def either(types: Iterable[Type]) -> Type:
    """Return the union: a value of any of these types. Raises: ValueError for none at all."""
    found: list[Member] = []
    anything: Anything | None = None
    for type_ in types:
        if isinstance(type_, Anything):
            anything = UNKNOWN if type_.opaque or (anything and anything.opaque) else ANYTHING
            continue
        for member in type_.members if isinstance(type_, Union) else (type_,):
            _add(found, member)
        if len(found) > MAX_MEMBERS:
            return UNKNOWN
    if anything is not None:
        return anything
    if not found:
        raise ValueError("a union of nothing")
    return found[0] if len(found) == 1 else Union(tuple(found))


def _add(found: list[Member], member: Member) -> None:
    for index, other in enumerate(found):
        if isinstance(member, Scalar) and isinstance(other, Scalar) and member.kind is other.kind:
            whole = member.values is None or other.values is None
            found[index] = Scalar(
                member.kind, None if whole else (member.values or frozenset()) | (other.values or set())
            )
            return
        if _is_same(member, other):
            return
    found.append(member)


def _is_same(one: Member, other: Member) -> bool:
    if isinstance(one, ObjectOf) and isinstance(other, ObjectOf):
        return one.certain == other.certain and list(map(id, one.parts)) == list(map(id, other.parts))
    return one is other


def both(one: Type, other: Type) -> Type:
    """Return the intersection: a value of both types. Where there is none, no value is ever checked: anything."""
    if isinstance(one, Anything) or isinstance(other, Anything):
        opaque = UNKNOWN in (one, other)
        return UNKNOWN if opaque else other if isinstance(one, Anything) else one
    pairs = [_both_members(left, right) for left in _members(one) for right in _members(other)]
    found = [pair for pair in pairs if pair is not None]
    return either(found) if found else ANYTHING


def overlaps(one: Type, other: Type) -> bool:
    """Say whether a value of one type can equal a value of the other. True and false equal 1 and 0, as in Python."""
    if isinstance(one, Anything) or isinstance(other, Anything):
        return True
    return any(_can_be_equal(left, right) for left in _members(one) for right in _members(other))


def _can_be_equal(one: Member, other: Member) -> bool:
    kinds = {kind_of(one), kind_of(other)}
    if Kind.BOOLEAN in kinds and kinds & {Kind.INTEGER, Kind.NUMBER}:
        return True
    return _both_members(one, other) is not None


def _members(type_: Member | Union) -> tuple[Member, ...]:
    return type_.members if isinstance(type_, Union) else (type_,)


def _both_members(one: Member, other: Member) -> Type | None:
    if isinstance(one, ObjectOf) and isinstance(other, ObjectOf):
        parts = {id(part): part for part in (*one.parts, *other.parts) if part is not _ANY_PART}
        if len(parts) > MAX_MEMBERS:
            return UNKNOWN
        return ObjectOf(tuple(parts.values()) or (_ANY_PART,), one.certain or other.certain)
    if isinstance(one, ObjectOf) and not one.certain:
        return other
    if isinstance(other, ObjectOf) and not other.certain:
        return one
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return one if one is other else _both_lists(one, other)
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return _both_scalars(one, other)
    return None


def _both_lists(one: ListOf, other: ListOf) -> ListOf:
    first = tuple(_both_at(one, other, index) for index in range(max(len(one.first), len(other.first))))
    return ListOf(Later(lambda: both(one.items.type, other.items.type)), first)


def _both_at(one: ListOf, other: ListOf, index: int) -> Later:
    return Later(lambda: both(item_of(one, index), item_of(other, index)))


def item_of(list_: ListOf, index: int) -> Type:
    """Return the type of an item; from the end for an index below 0, where that is known."""
    if index < 0 and list_.first:
        return ANYTHING
    return list_.first[index].type if 0 <= index < len(list_.first) else list_.items.type


def items_of(list_: ListOf) -> Type:
    """Return the type of any item."""
    return either([*(later.type for later in list_.first), list_.items.type])


def _both_scalars(one: Scalar, other: Scalar) -> Scalar | None:
    kinds = {one.kind, other.kind}
    if len(kinds) == 2 and kinds != {Kind.INTEGER, Kind.NUMBER}:
        return None
    kind = Kind.INTEGER if Kind.INTEGER in kinds else one.kind
    if one.values is None or other.values is None:
        values = other.values if one.values is None else one.values
    else:
        values = one.values & other.values
    if values is not None and kind is Kind.INTEGER:
        values = frozenset(value for value in values if float(value).is_integer())
    return None if values is not None and not values else Scalar(kind, values)

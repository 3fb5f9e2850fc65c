"""Reading a key of a type, which may be a union: what the value is, and why it may not be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kongflow.config.types.type import (
    ANYTHING,
    NULL,
    Anything,
    Member,
    ObjectOf,
    Presence,
    Type,
    Union,
    either,
    members,
)
from kongflow.core.syntax import Path

Scope: TypeAlias = Mapping[str, Type]
"""The type of every name that a template sees."""
Known: TypeAlias = Mapping[Path, Type]
"""What a condition has shown: these are there, and of these types."""

_KNOWN = (Presence.ALWAYS, Presence.MAYBE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading one key gives, over all members of a type. `presences` are those of its objects."""

    type: Type
    presences: frozenset[Presence]
    has_null: bool = False
    others: tuple[Member, ...] = ()
    """What is no object and not null."""

    @property
    def is_free(self) -> bool:
        """True where nothing can be said."""
        return not self.presences.isdisjoint({Presence.FREE, Presence.SILENT})

    @property
    def is_never(self) -> bool:
        """True where no object has the key."""
        return self.presences == {Presence.NEVER}

    @property
    def is_unlisted(self) -> bool:
        """True where no object lists the key, and some would take it."""
        return Presence.UNLISTED in self.presences and self.presences.isdisjoint(_KNOWN)

    @property
    def is_always(self) -> bool:
        """True where the key is there in any case."""
        return self.presences == {Presence.ALWAYS} and not self.has_null and not self.others


def read(type_: Type, key: str) -> Reading:
    """Read a key of a type."""
    if isinstance(type_, Anything):
        return Reading(ANYTHING, frozenset({Presence.FREE}))
    if isinstance(type_, ObjectOf):
        presence, value = type_.read(key)
        return Reading(value, frozenset({presence}))
    every = type_.members if isinstance(type_, Union) else (type_,)
    said = [member.read(key) for member in every if isinstance(member, ObjectOf)]
    there = [value for presence, value in said if presence is not Presence.NEVER]
    return Reading(
        either(there) if there else ANYTHING,
        frozenset(presence for presence, _ in said),
        NULL in every,
        tuple(member for member in every if not isinstance(member, ObjectOf) and member != NULL),
    )


def keys_of(type_: Type) -> tuple[str, ...]:
    """Return the keys that any member of a type lists."""
    every = type_.members if isinstance(type_, Union) else (type_,)
    return tuple(dict.fromkeys(key for member in every if isinstance(member, ObjectOf) for key in member.keys))


def type_at(path: Path, scope: Scope, known: Known) -> Type:
    """Return the type at a path, once it is there."""
    for length in range(len(path), 0, -1):
        if path[:length] in known:
            found, rest = known[path[:length]], path[length:]
            break
    else:
        found, rest = scope.get(path[0], ANYTHING), path[1:]
    for key in rest:
        found = read(found, key).type
    return found


def is_always_there(path: Path, scope: Scope) -> bool:
    """Say whether every payload has a value at a path."""
    found = scope.get(path[0], ANYTHING)
    for key in path[1:]:
        reading = read(found, key)
        if members(found) is None or not reading.is_always:  # what may be no object may not have it
            return False
        found = reading.type
    return path[0] in scope

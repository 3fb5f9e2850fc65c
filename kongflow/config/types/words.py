"""Types in words, for messages: `{id: text, note?: integer}`."""

from __future__ import annotations

from kongflow.config.types.type import (
    NULL,
    Anything,
    Kind,
    Later,
    ListOf,
    ObjectOf,
    Presence,
    Scalar,
    Type,
    Union,
    items_of,
    kind_of,
)

MAX_KEYS = 6
MAX_VALUES = 5

_WITH_ARTICLE = {
    Kind.NULL: "null",
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.TEXT: "text",
    Kind.LIST: "a list",
    Kind.OBJECT: "an object",
}

_IN_ORDER = (Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.LIST, Kind.OBJECT, Kind.BOOLEAN, Kind.NULL)


def described(type_: Type, depth: int = 1) -> str:
    """Return a type as a short line; what lies deeper than `depth` levels is an ellipsis."""
    match type_:
        case Anything():
            return "any"
        case Union():
            return " | ".join(described(member, depth) for member in type_.members)
        case Scalar(values=None):
            return str(type_.kind)
        case Scalar():
            return _values(type_)
        case ListOf():
            return f"list of {described(items_of(type_), depth - 1)}" if depth else "list"
    return _object(type_, depth)


def _values(type_: Scalar) -> str:
    values = sorted(type_.values or (), key=repr)
    if len(values) > MAX_VALUES:
        return f"one of {len(values)} {'texts' if type_.kind is Kind.TEXT else 'numbers'}"
    return " | ".join(str(value).lower() if isinstance(value, bool) else repr(value) for value in values)


def _object(type_: ObjectOf, depth: int) -> str:
    if not depth:
        return "{…}"
    keys = type_.keys
    entries = [_entry(type_, key, depth) for key in keys[:MAX_KEYS]]
    if len(keys) > MAX_KEYS:
        entries.append(f"… {len(keys) - MAX_KEYS} more")
    maps = [part.others for part in type_.parts if isinstance(part.others, Later)]
    entries.extend(f"*: {described(others.type, depth - 1)}" for others in maps)
    return "{" + ", ".join(entries) + "}"


def _entry(type_: ObjectOf, key: str, depth: int) -> str:
    presence, value = type_.read(key)
    return f"{key}{'' if presence is Presence.ALWAYS else '?'}: {described(value, depth - 1)}"


def kinds_in_words(kinds: frozenset[Kind]) -> str:
    """Return what is wanted, as in `text or a number`."""
    if {Kind.INTEGER, Kind.NUMBER} <= kinds:
        kinds -= {Kind.INTEGER}
    words = [_WITH_ARTICLE[kind] for kind in _IN_ORDER if kind in kinds]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def in_words(member: Scalar | ListOf | ObjectOf) -> str:
    """Return what a value is, as in `this is a list`."""
    return _WITH_ARTICLE[kind_of(member)]


_FALLBACKS = {Kind.INTEGER: "0", Kind.NUMBER: "0", Kind.BOOLEAN: "false", Kind.LIST: "[]"}


def fallback(type_: Type) -> str:
    """Return what a help writes into `default(…)` for a value of this type: of one kind of its own, else a text."""
    members = type_.members if isinstance(type_, Union) else (type_,)
    kinds = {_FALLBACKS.get(kind_of(one)) for one in members if not isinstance(one, Anything) and one != NULL}
    return (kinds.pop() if len(kinds) == 1 else None) or "'…'"

"""What is wrong with a value, in plain words: one line for each problem, with its JSON path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from kongflow.core.json import Json, path_of
from kongflow.core.schema_walk import IN_LISTS, IN_MAPS
from kongflow.core.spelling import did_you_mean

Path: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[Path, str]

MAX_EXPLAINED = 16 * 1024
"""Characters of a value up to which every error becomes an object of its own: they cost 13 µs each, all at once, so
that a payload of 1 MiB could take 6 s. Larger values get the engine's own words, which cost a tenth."""
MAX_SHOWN = 60
"""Characters of a value that a line shows."""
MAX_MESSAGE = 200
"""Characters of a message of the engine that a line shows."""

_WORDS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}

_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
    "format": "text in the format",
    "pattern": "text that matches",
}
_SIZES = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "item"),
    "maxItems": ("at most", "item"),
    "minProperties": ("at least", "field"),
    "maxProperties": ("at most", "field"),
}
_SENTENCES = {
    "uniqueItems": "expected a list without repetitions",
    "oneOf": "fits more than one of the forms of which it must fit exactly one",
    "not": "fits what the schema excludes",
    "contains": "the list does not hold the items that the schema asks for",
}


def explain(validator: jsonschema_rs.Validator, value: Json) -> Iterator[str]:
    """Yield a line for every reason why a value is not valid, such as `$.items[3].id: expected text, got 5`."""
    if len(json.dumps(value)) > MAX_EXPLAINED:
        for entry in validator.evaluate(value).errors():
            yield f"{path_of(_of_pointer(entry['instanceLocation'], value))}: {_cut(entry['error'], MAX_MESSAGE)}"
        return
    for error in validator.iter_errors(value):
        for path, message in plain_words(error, value):
            yield f"{path_of(path)}: {message}"


def plain_words(error: jsonschema_rs.ValidationError, value: Json) -> Iterator[Problem]:
    """Yield what one error means; `value` is the whole value that was checked."""
    path = tuple(error.instance_path)
    match error.kind:
        case Kind.Required(property=name):
            yield (*path, name), "is required and missing"
        case Kind.AdditionalProperties(unexpected=names) | Kind.UnevaluatedProperties(unexpected=names):
            yield from (((*path, name), "is not declared") for name in names)
        case Kind.UnevaluatedItems():
            yield path, "holds an item that is not declared"
        case Kind.BacktrackLimitExceeded() | Kind.RegexEngineFailure():
            yield path, "this text takes the schema's pattern too long; a pattern without look-around is always fast"
        case Kind.FalseSchema():
            yield from _forbidden(error, path, value)
        case Kind.AnyOf(context=branches) | Kind.OneOfNotValid(context=branches):
            yield from _no_branch(path, branches, value)
        case Kind.PropertyNames(error=inner):
            yield path, f"the key {_shown(inner.instance)} is not allowed: {_sentence(inner)}"
        case _:
            yield path, _sentence(error)


def keywords(evaluation_path: Sequence[str | int]) -> list[str]:
    """Return the keywords of a path through a schema, without the names and indexes between them."""
    found: list[str] = []
    steps = iter(evaluation_path)
    for step in steps:
        found.append(str(step))
        if step in IN_MAPS or step in IN_LISTS:
            next(steps, None)
    return found


def expectation(error: jsonschema_rs.ValidationError) -> str:
    """Return what an error asks for, such as `expected text`: nothing of the value. Empty where there are no words."""
    match error.kind:
        case Kind.Type(types=types):
            return f"expected {_any_of(types)}"
        case Kind.Enum(options=[]):
            return "is not allowed here: the schema's `enum` is empty"
        case Kind.Enum(options=options):
            return f"expected one of {', '.join(map(_shown, options))}"
        case Kind.Constant(expected_value=expected):
            return f"expected {_shown(expected)}"
    bound = _BOUNDS.get(error.kind.name)
    if bound is not None:
        return f"expected {bound} {error.kind.value}"
    size = _SIZES.get(error.kind.name)
    if size is not None:
        return f"expected {size[0]} {_count(error.kind.value, size[1])}"
    return _SENTENCES.get(error.kind.name, "")


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    what = expectation(error)
    if not what.startswith("expected ") or error.kind.name in _SENTENCES:
        return what or _cut(error.message, MAX_MESSAGE)
    got = _size(error.instance) if error.kind.name in _SIZES else _shown(error.instance)
    near = ""
    if isinstance(error.kind, Kind.Enum) and isinstance(error.instance, str):
        near = did_you_mean(error.instance, [option for option in error.kind.options if isinstance(option, str)])
    return f"{what}, got {got}{near}"


def _forbidden(error: jsonschema_rs.ValidationError, path: Path, value: Json) -> Iterator[Problem]:
    """Yield what a `false` schema forbids: the value itself, or every field of an object without declared fields."""
    holder = _at(path, value)
    if keywords(error.evaluation_path)[-1:] == ["additionalProperties"] and isinstance(holder, dict):
        yield from (((*path, name), "is not declared") for name in holder)
    else:
        yield path, "is not allowed here"


def _no_branch(path: Path, branches: list[list[jsonschema_rs.ValidationError]], value: Json) -> Iterator[Problem]:
    """Yield what is wrong in the branch of `anyOf` or `oneOf` that comes nearest; of types alone, all of them."""
    wrong_types = [_wrong_type(branch, path) for branch in branches]
    if all(wrong_types):
        types = list(dict.fromkeys(name for types in wrong_types for name in types))
        yield path, f"expected {_any_of(types)}, got {_shown(_at(path, value))}"
        return
    nearest = min(branches, key=lambda branch: (bool(_wrong_type(branch, path)), _mismatches(branch), len(branch)))
    where = f" (in the nearest of {len(branches)} allowed forms)" if len(branches) > 1 else ""
    for error in nearest:
        for inner_path, message in plain_words(error, value):
            yield inner_path, message + where


def _wrong_type(branch: list[jsonschema_rs.ValidationError], path: Path) -> list[str]:
    """Return the types that a branch wants where the value is of another, else nothing."""
    for error in branch:
        if isinstance(error.kind, Kind.Type) and tuple(error.instance_path) == path:
            return error.kind.types
    return []


def _mismatches(branch: list[jsonschema_rs.ValidationError]) -> int:
    """Count the constants that differ: they tell branches apart, as in `kind: {const: email}`."""
    return sum(isinstance(error.kind, Kind.Constant | Kind.Enum) for error in branch)


def _any_of(types: Sequence[str]) -> str:
    return " or ".join(_WORDS.get(name, name) for name in sorted(types, key=lambda name: name == "null"))


def _size(value: Json) -> int:
    return len(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _shown(value: Json) -> str:
    match value:
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
    return _cut(json.dumps(value, ensure_ascii=False), MAX_SHOWN)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _at(path: Path, value: Json) -> Json:
    for step in path:
        value = value[step]
    return value


def _of_pointer(pointer: str, value: Json) -> Path:
    """Return the path of a JSON pointer into `value`, which tells an index from a key."""
    path: list[str | int] = []
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        step: str | int = int(key) if isinstance(value, list | tuple) else key
        value = value[step]
        path.append(step)
    return tuple(path)

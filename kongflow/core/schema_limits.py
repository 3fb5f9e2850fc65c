"""Limits: what one keyword of a schema refuses of the values that other subschemas accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from kongflow.core.json import Json
from kongflow.core.schema_parts import Parts, as_list, as_object, types_of, values_of
from kongflow.core.schema_walk import Path

Refused: TypeAlias = Iterator[tuple[Path, str]]
"""Below which steps of the keyword something is refused, and what."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A keyword: the types that it is about, and what it refuses."""

    types: tuple[str, ...]
    refuses: Callable[[Parts, Mapping[str, Json], str], Refused]


def filled_in(parts: Parts) -> set[str]:
    """Return the properties that have a default, which an object gets when it is added."""
    properties = [as_object(part.keywords.get("properties")) for part in parts]
    return {name for each in properties for name, below in each.items() if "default" in as_object(below)}


def _required(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    always = {name for part in wider for name in as_list(part.keywords.get("required"))}
    for index, name in enumerate(as_list(own[keyword])):
        if name not in always:
            yield (index,), f"{name!r} is required"


def _enum(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    taken = as_list(own[keyword]) if keyword == "enum" else [own[keyword]]
    values = values_of(wider)
    if values is None:
        yield (), f"only {_listed(taken)} {'is' if len(taken) == 1 else 'are'} accepted"
        return
    lost = [value for value in values if not any(_same(value, each) for each in taken)]
    if lost:
        yield (), f"{_listed(lost)} {'is' if len(lost) == 1 else 'are'} not accepted"


def _same(one: Json, other: Json) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or (
        not isinstance(one, bool) and not isinstance(other, bool) and one == other
    )


def _alike(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    if not any(part.keywords.get(keyword) == own[keyword] for part in wider):
        yield (), f"what is there cannot be shown to fit the {keyword} {own[keyword]!r}"


def _unique(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    if own[keyword] is True and not any(part.keywords.get(keyword) is True for part in wider):
        yield (), "items that are there twice are not accepted"


def _multiple(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    step: Any = own[keyword]
    known = [each for part in wider if _is_number(each := part.keywords.get(keyword))]
    whole = "number" not in types_of(wider) and step == 1
    if not whole and not any(each % step == 0 for each in known):
        yield (), f"only multiples of {step} are accepted"


def _at_least(words: str, strict: str = "") -> Callable[..., Refused]:
    return _bound(words, strict, lambda known, bound: known >= bound, 1)


def _at_most(words: str, strict: str = "") -> Callable[..., Refused]:
    return _bound(words, strict, lambda known, bound: known <= bound, -1)


def _bound(words: str, strict: str, fits: Callable[[float, float], bool], sign: int) -> Callable[..., Refused]:
    def refuses(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
        bound: Any = own[keyword]
        same = [each for part in wider if _is_number(each := part.keywords.get(keyword))]
        other = [each for part in wider if strict and _is_number(each := part.keywords.get(strict))]
        beyond = [each for each in other if each != bound or not keyword.startswith("exclusive")]
        values = values_of(wider)
        if values is not None and all(not _is_number(each) or _holds(each, bound, keyword, sign) for each in values):
            return
        if bound in (0, 0.0) and keyword in ("minLength", "minItems", "minProperties"):
            return
        if not any(fits(each, bound) for each in (*same, *beyond)):
            yield (), words.format(bound)

    return refuses


def _holds(value: float, bound: float, keyword: str, sign: int) -> bool:
    if not keyword.endswith(("inimum", "aximum")):
        return False
    distance = (value - bound) * sign
    return distance > 0 or (distance == 0 and not keyword.startswith("exclusive"))


_NUMBER, _TEXT, _LIST, _OBJECT = ("integer", "number"), ("string",), ("array",), ("object",)

LIMITS: Final[Mapping[str, Limit]] = {
    "enum": Limit((), _enum),
    "const": Limit((), _enum),
    "required": Limit(_OBJECT, _required),
    "minimum": Limit(_NUMBER, _at_least("less than {} is not accepted", "exclusiveMinimum")),
    "exclusiveMinimum": Limit(_NUMBER, _at_least("{} and less is not accepted", "minimum")),
    "maximum": Limit(_NUMBER, _at_most("more than {} is not accepted", "exclusiveMaximum")),
    "exclusiveMaximum": Limit(_NUMBER, _at_most("{} and more is not accepted", "maximum")),
    "multipleOf": Limit(_NUMBER, _multiple),
    "minLength": Limit(_TEXT, _at_least("less than {} characters are not accepted")),
    "maxLength": Limit(_TEXT, _at_most("more than {} characters are not accepted")),
    "pattern": Limit(_TEXT, _alike),
    "format": Limit(_TEXT, _alike),
    "minItems": Limit(_LIST, _at_least("less than {} items are not accepted")),
    "maxItems": Limit(_LIST, _at_most("more than {} items are not accepted")),
    "uniqueItems": Limit(_LIST, _unique),
    "minProperties": Limit(_OBJECT, _at_least("less than {} properties are not accepted")),
    "maxProperties": Limit(_OBJECT, _at_most("more than {} properties are not accepted")),
}

OPAQUE: Final = (
    *("anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "contains", "dependentRequired"),
    *("dependentSchemas", "unevaluatedItems", "$dynamicRef"),
)
"""What is compared as a whole."""


def _is_number(value: Json) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _listed(values: Sequence[Json], most: int = 6) -> str:
    shown = ", ".join(json.dumps(value, ensure_ascii=False)[:60] for value in values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown

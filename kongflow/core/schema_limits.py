"""Limits: what one keyword of a schema refuses of the values that other subschemas accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from kongflow.core.json import Json, canonical
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_parts import Parts, all_values_of, always_in, as_list, types_of
from kongflow.core.schema_walk import Path
from kongflow.errors import InvalidPayload

Refused: TypeAlias = Iterator[tuple[Path, str]]
"""Below which steps of the keyword something is refused, and what."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A keyword: the types that it is about, and what it refuses."""

    types: tuple[str, ...]
    refuses: Callable[[Parts, Mapping[str, Json], str], Refused]


def refused(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    """Yield what a keyword refuses; where the values are known, they are tried."""
    limit, values = LIMITS[keyword], all_values_of(wider)
    if values is None or keyword in ("enum", "const", "required"):
        yield from limit.refuses(wider, own, keyword)
        return
    lost = list(_lost(values, own, keyword))
    if lost:
        yield (), f"{_listed(lost)} {'is' if len(lost) == 1 else 'are'} not accepted"


def _lost(values: Sequence[Json], own: Mapping[str, Json], keyword: str) -> Iterator[Json]:
    schema = PayloadSchema.compile({keyword: own[keyword]})
    for value in values:
        try:
            schema.check_result(value)
        except InvalidPayload:
            yield value


def _required(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    always = always_in(wider)
    for index, name in enumerate(as_list(own[keyword])):
        if name not in always:
            yield (index,), f"{name!r} is required"


def _enum(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    taken = as_list(own[keyword]) if keyword == "enum" else [own[keyword]]
    values = all_values_of(wider)
    if values is None:
        yield (), f"only {_listed(taken)} {'is' if len(taken) == 1 else 'are'} accepted"
        return
    texts = set(map(canonical, taken))
    lost = [value for value in values if canonical(value) not in texts]
    if lost:
        yield (), f"{_listed(lost)} {'is' if len(lost) == 1 else 'are'} not accepted"


_OF_NO_FORMAT: Final = "\\ ({"
"""A text that every format refuses which is checked at all; the others are notes."""


def _alike(wider: Parts, own: Mapping[str, Json], keyword: str) -> Refused:
    if keyword == "format" and not any(_lost([_OF_NO_FORMAT], own, keyword)):
        return
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
        if keyword.startswith("exclusive"):
            other = [each for each in other if each != bound]
        elif "number" not in types_of(wider):  # of integers, the next one is the first
            other = [each + sign if float(each).is_integer() else each for each in other]
        least = [len(always_in(wider))] if keyword == "minProperties" else [0] if keyword in _COUNTS else []
        if not any(fits(each, bound) for each in (*same, *other, *least)):
            yield (), words.format(bound)

    return refuses


_COUNTS: Final = ("minLength", "minItems")


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

OF_LISTS: Final = ("contains", "unevaluatedItems")
OPAQUE: Final = (
    *("anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas"),
    *("unevaluatedProperties", "$dynamicRef", *OF_LISTS),
)
"""What is compared as a whole."""
BESIDE: Final = ("then", "else", "minContains", "maxContains")
"""What says more about one of them."""


def _is_number(value: Json) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _listed(values: Sequence[Json], most: int = 6) -> str:
    shown = ", ".join(json.dumps(value, ensure_ascii=False)[:60] for value in values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown

"""Compatibility: what a schema refuses of the payloads that another one accepts.

A queue is a log with old payloads in it: the new schema must take what was added under the old one, as a worker takes
it (`PayloadSchema.check_run`): defaults are filled in, and fields that are not declared are forgiven.

Containment of JSON Schemas is a research problem (https://doi.org/10.1145/3460319.3464812). What is compared here is
what people write: types, properties, items, bounds, enums, patterns, `$ref`, `allOf`, `anyOf`. Of anything else it is
said that it is not proved, unless it is the same on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_limits import LIMITS, OPAQUE, filled_in
from kongflow.core.schema_parts import (
    Node,
    Parts,
    additional_of,
    alternatives_of,
    are_apart,
    as_list,
    as_object,
    items_of,
    key_of,
    may_be,
    parts_of,
    property_of,
    refused_types,
    top_of,
)
from kongflow.core.schema_walk import Path

MAX_PAIRS: Final = 10_000
"""Pairs of subschemas that are compared; beyond that nothing is proved."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that the narrower schema does not take. `proven` False: it may, and nobody can say.

    `value` is where in the payload; `wider` and `narrower` are paths in the two schemas, up to a `$ref` that leads on.
    """

    message: str
    value: Path
    wider: Path
    narrower: Path
    proven: bool = True
    undeclared: bool = False
    """It is about a property that the wider schema does not declare, so that it may be anything."""


def refusals(wider: PayloadSchema, narrower: PayloadSchema) -> tuple[Refusal, ...]:
    """Return what `narrower` refuses of the payloads that `wider` accepts, each thing once."""
    comparison = _Comparison(as_run=True)
    found = comparison.of(parts_of(top_of(wider)), top_of(narrower), ())
    return tuple(dict.fromkeys(found))


class _Comparison:
    """Compares subschemas. `as_run`: as payloads are checked that are about to run, with defaults and forgiveness,
    which alternatives know nothing of.
    """

    def __init__(self, *, as_run: bool) -> None:
        self._as_run = as_run
        self._seen: set[str] = set()

    def of(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        """Yield what one subschema refuses of what others, together, accept."""
        for split in alternatives_of(wider):
            for part in parts_of(narrower):
                key = json.dumps([[key_of(each) for each in split], key_of(part), self._fills(value)])
                if key in self._seen:
                    continue
                self._seen.add(key)
                if len(self._seen) > MAX_PAIRS:
                    yield _refusal(split, part, value, "the schemas are too large to be compared", proven=False)
                    return
                yield from self._by_part(split, part, value)

    def _by_part(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        if any(part.schema is False for part in wider) or narrower.schema is True:
            return
        types = list(refused_types(wider, narrower)) if "type" in narrower.keywords else []
        if narrower.schema is False:
            yield _refusal(wider, narrower, value, "nothing is accepted here")
        elif types:
            yield _refusal(wider, narrower, value, f"{' or '.join(types)} is not accepted", "type")
        else:
            yield from self._by_limits(wider, narrower, value)
            yield from self._below(wider, narrower, value)
            for keyword in OPAQUE:
                if keyword in narrower.keywords and not self._is_covered(wider, narrower, keyword, value):
                    message = f"{keyword} has changed, and cannot be compared"
                    yield _refusal(wider, narrower, value, message, keyword, proven=False)

    def _by_limits(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        for keyword, limit in LIMITS.items():
            if keyword in narrower.keywords and may_be(wider, limit.types):
                for steps, message in limit.refuses(wider, narrower.keywords, keyword):
                    if keyword != "required" or not (self._fills(value) and _is_filled(wider, narrower, steps)):
                        yield _refusal(wider, narrower, value, message, keyword, *steps)

    def _fills(self, value: Path) -> bool:
        """Say whether defaults are filled in here: along properties only."""
        return self._as_run and all(isinstance(step, str) for step in value)

    def _below(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        if may_be(wider, ("object",)):
            for name in as_object(narrower.keywords.get("properties")):
                below = property_of(wider, name)
                if below is not None:
                    yield from self._property(below, narrower.at("properties", name), (*value, name))
            if "additionalProperties" in narrower.keywords:
                yield from self._others(wider, narrower, value)
        if may_be(wider, ("array",)):
            first = len(as_list(narrower.keywords.get("prefixItems")))
            for index in range(first):
                yield from self.of(items_of(wider, index), narrower.at("prefixItems", index), (*value, index))
            if "items" in narrower.keywords:
                yield from self.of(items_of(wider, first), narrower.at("items"), (*value, first))

    def _property(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        if wider:
            yield from self.of(wider, narrower, value)
        elif next(_Comparison(as_run=self._as_run).of(wider, narrower, value), None) is not None:
            message = f"{value[-1]!r} was not declared, so that it may be anything in what was added"
            yield Refusal(message, value, (), narrower.path, proven=False, undeclared=True)

    def _others(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        """Yield what is refused of properties that the narrower side does not declare."""
        below = narrower.at("additionalProperties")
        if below.schema is False and self._as_run:
            return  # forgiven
        declared = {name for part in wider for name in as_object(part.keywords.get("properties"))}
        for name in sorted(declared - set(as_object(narrower.keywords.get("properties")))):
            yield from self.of(property_of(wider, name) or (), below, (*value, name))
        others = additional_of(wider)
        if others is not None:
            yield from self.of(others, below, (*value, "*"))

    def _is_covered(self, wider: Parts, narrower: Node, keyword: str, value: Path) -> bool:
        """Say whether a keyword that is not understood is the same, or one of its alternatives takes everything."""
        own = narrower.keywords[keyword]
        text = json.dumps([own, *(narrower.keywords.get(each) for each in ("then", "else"))], sort_keys=True)
        same = ([part.keywords.get(each) for each in (keyword, "then", "else")] for part in wider)
        if "$ref" not in text and "$dynamicRef" not in text and text in map(_text, same):
            return True
        if keyword not in ("anyOf", "oneOf") or (keyword == "oneOf" and not are_apart(narrower)):
            return False
        branches = (narrower.at(keyword, index) for index in range(len(as_list(own))))
        return any(_takes_all(wider, branch, value) for branch in branches)


def _takes_all(wider: Parts, branch: Node, value: Path) -> bool:
    return next(_Comparison(as_run=False).of(wider, branch, value), None) is None


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _is_filled(wider: Parts, narrower: Node, steps: Path) -> bool:
    return as_list(narrower.keywords["required"])[int(steps[0])] in filled_in([*wider, narrower])


def _refusal(
    wider: Parts, narrower: Node, value: Path, message: str, *steps: str | int, proven: bool = True
) -> Refusal:
    path = narrower.path if narrower.away else (*narrower.path, *steps)
    return Refusal(message, value, _where(wider, steps), path, proven)


def _where(wider: Parts, steps: Path) -> Path:
    """Return the path of what the wider side says of the same keyword, or of the first thing that it says at all."""
    for part in wider:
        if not part.away and steps and steps[0] in part.keywords:
            return (*part.path, steps[0])
    return wider[0].path if wider else ()

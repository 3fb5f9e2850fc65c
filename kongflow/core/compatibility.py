"""Compatibility: what a schema refuses of the payloads that another one accepts.

A queue is a log with old payloads in it: the new schema must take what was added under the old one, as a worker takes
it (`PayloadSchema.check_run`): defaults are filled in, and fields that are not declared are forgiven.

Containment of JSON Schemas is a research problem (https://doi.org/10.1145/3460319.3464812). What is compared here is
what people write: types, properties, items, bounds, enums, patterns, `$ref`, `allOf`, `anyOf`. Of anything else it is
said that it is not proved, unless it is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_limits import BESIDE, LIMITS, OF_LISTS, OPAQUE, refused
from kongflow.core.schema_parts import (
    Key,
    Node,
    Parts,
    Targets,
    additional_of,
    alternatives_of,
    always_in,
    are_apart,
    as_list,
    as_object,
    defaults_in,
    item_at,
    key_of,
    may_be,
    names_in,
    parts_of,
    property_of,
    refused_types,
    targets_of,
    text_of,
    told_apart,
    top_of,
)
from kongflow.core.schema_walk import Path

MAX_PAIRS: Final = 10_000
"""Pairs of subschemas that are compared; beyond that nothing is proved."""

Pair: TypeAlias = tuple[tuple[Key, ...], Key, bool]
"""What the wider side says together, what the narrower says, and whether defaults are filled in that were not."""


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
    found = _Comparison(_Work()).of(parts_of(top_of(wider)), top_of(narrower), ())
    return tuple(dict.fromkeys(found))


@dataclass(slots=True)
class _Work:
    """What all comparisons of two schemas share."""

    pairs: int = 0
    tried: set[Pair] = field(default_factory=set)
    """Alternatives of which it is being asked whether they take everything: where one leads to itself, it may."""
    wider_targets: dict[Key, Targets] = field(default_factory=dict)
    narrower_targets: dict[Key, Targets] = field(default_factory=dict)

    def refer_alike(self, wider: Node, narrower: Node, key: Key) -> bool:
        """Say whether two subschemas that read alike are the same, with all that they refer to."""
        if '"$ref"' not in key[1]:
            return '"$dynamicRef"' not in key[1]
        if key not in self.wider_targets:
            self.wider_targets[key], self.narrower_targets[key] = targets_of(wider), targets_of(narrower)
        targets = self.wider_targets[key]
        is_static = not any('"$dynamicRef"' in text for text in (key[1], *targets.values()))
        return is_static and targets == self.narrower_targets[key]


class _Comparison:
    """Compares subschemas, each pair once.

    `as_run`: as payloads are checked that are about to run, where fields that are not declared are forgiven; in
    alternatives they are not. `is_guess`: of something that nobody has declared, so that nothing is proven.
    """

    def __init__(self, work: _Work, *, as_run: bool = True, is_guess: bool = False) -> None:
        self._work = work
        self._as_run = as_run
        self._is_guess = is_guess
        self._seen: set[Pair] = set()

    def of(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        """Yield what one subschema refuses of what others, together, accept."""
        parts = parts_of(narrower)
        keys = {id(part): key_of(part) for part in parts}
        for split in alternatives_of(wider):
            keys |= {id(part): key_of(part) for part in split if id(part) not in keys}
            known = tuple(keys[id(part)] for part in split)
            added = _Added(split, parts) if may_be(split, ("object",)) else _Added((), ())
            yield from self._defaults(split, added, parts, value)
            for part in parts:
                if not added.is_any and any(
                    keys[id(one)][:2] == keys[id(part)][:2] and self._work.refer_alike(one, part, keys[id(part)])
                    for one in split
                ):
                    continue  # nothing has changed
                key = (known, keys[id(part)], added.is_any)
                if key in self._seen:
                    continue
                self._seen.add(key)
                self._work.pairs += 1
                if self._work.pairs > MAX_PAIRS:
                    yield _refusal(split, part, value, "the schemas are too large to be compared", proven=False)
                    return
                yield from self._by_part(split, part, added, value)

    def _defaults(self, wider: Parts, added: _Added, narrower: Parts, value: Path) -> Iterator[Refusal]:
        """Yield the defaults that are filled into what was added without them, and are refused."""
        for name, default in added.defaults.items():
            for part in narrower:
                below = _taker_of(part, name)
                if below is not None and not (below.schema is False and self._as_run):
                    yield from self.of([below.value([default])], below, (*value, name))

    def _by_part(self, wider: Parts, narrower: Node, added: _Added, value: Path) -> Iterator[Refusal]:
        if any(part.schema is False for part in wider) or narrower.schema is True:
            return
        types = list(refused_types(wider, narrower)) if "type" in narrower.keywords else []
        if narrower.schema is False:
            yield _refusal(wider, narrower, value, "nothing is accepted here")
        elif types:
            yield _refusal(wider, narrower, value, f"{' or '.join(types)} is not accepted", "type")
        else:
            yield from self._by_limits(wider, narrower, added, value)
            yield from self._below(wider, narrower, value)
            yield from self._as_a_whole(wider, narrower, added, value)

    def _by_limits(self, wider: Parts, narrower: Node, added: _Added, value: Path) -> Iterator[Refusal]:
        for keyword, limit in LIMITS.items():
            if keyword not in narrower.keywords or not may_be(wider, limit.types):
                continue
            if keyword in _OF_WHOLE_OBJECTS and added.is_any:
                message = f"{keyword} speaks of objects into which other defaults are filled in"
                yield _refusal(wider, narrower, value, message, keyword, proven=False)
                continue
            for steps, message in refused(wider, narrower.keywords, keyword):
                if keyword != "required" or narrower.keywords["required"][int(steps[0])] not in added.names:
                    yield _refusal(wider, narrower, value, message, keyword, *steps)

    def _below(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        if may_be(wider, ("object",)):
            for name in as_object(narrower.keywords.get("properties")):
                below = property_of(wider, name)
                if below is not None:
                    yield from self._property(below, narrower.at("properties", name), (*value, name))
            if "additionalProperties" in narrower.keywords:
                found = self._others(wider, narrower, value)
                # What a pattern takes is none of the others, and which that is nobody has looked at.
                has_patterns = any("patternProperties" in part.keywords for part in (narrower, *wider))
                yield from map(_guessed, found) if has_patterns else found
        if may_be(wider, ("array",)):
            first = told_apart([narrower])
            for index in range(first):
                yield from self._item(wider, narrower.at("prefixItems", index), (*value, index))
            if "items" in narrower.keywords:
                for index in range(first, max(first, told_apart(wider)) + 1):
                    yield from self._item(wider, narrower.at("items"), (*value, index))

    def _item(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        below = item_at(wider, int(value[-1]))
        if below is not None:
            yield from self.of(below, narrower, value)

    def _property(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        if wider or self._is_guess:
            yield from self.of(wider, narrower, value)
        elif next(_Comparison(self._work, as_run=self._as_run, is_guess=True).of(wider, narrower, value), None):
            message = f"{value[-1]!r} was not declared, so that it may be anything in what was added"
            yield Refusal(message, value, (), narrower.path, proven=False, undeclared=True)

    def _others(self, wider: Parts, narrower: Node, value: Path) -> Iterator[Refusal]:
        """Yield what is refused of properties that the narrower side does not declare."""
        below = narrower.at("additionalProperties")
        if below.schema is False and self._as_run:
            return  # forgiven
        for name in sorted(names_in(wider) - as_object(narrower.keywords.get("properties")).keys()):
            declared = property_of(wider, name)
            if declared is not None:
                yield from self.of(declared, below, (*value, name))
        others = additional_of(wider)
        if others is not None:
            yield from self.of(others, below, (*value, "*"))

    def _as_a_whole(self, wider: Parts, narrower: Node, added: _Added, value: Path) -> Iterator[Refusal]:
        """Yield the keywords that are not understood, and have changed."""
        for keyword in OPAQUE:
            if keyword not in narrower.keywords or (keyword == "unevaluatedProperties" and self._as_run):
                continue  # what is not evaluated is forgiven
            if added.is_any and keyword not in OF_LISTS:
                message = f"{keyword} speaks of objects into which other defaults are filled in"
                yield _refusal(wider, narrower, value, message, keyword, proven=False)
            elif not self._is_covered(wider, narrower, keyword):
                message = f"{keyword} has changed, and cannot be compared"
                yield _refusal(wider, narrower, value, message, keyword, proven=False)

    def _is_covered(self, wider: Parts, narrower: Node, keyword: str) -> bool:
        """Say whether a keyword that is not understood is the same, or one of its alternatives takes everything."""
        if any(_is_same(part, narrower, keyword) for part in wider):
            return True
        if keyword not in ("anyOf", "oneOf") or (keyword == "oneOf" and not are_apart(narrower)):
            return False
        branches = (narrower.at(keyword, index) for index in range(len(as_list(narrower.keywords[keyword]))))
        return any(self._takes_all(wider, branch) for branch in branches)

    def _takes_all(self, wider: Parts, branch: Node) -> bool:
        pair = (tuple(map(key_of, wider)), key_of(branch), False)
        if pair in self._work.tried:
            return True
        self._work.tried.add(pair)
        try:
            return next(_Comparison(self._work, as_run=False).of(wider, branch, ()), None) is None
        finally:
            self._work.tried.discard(pair)


_OF_WHOLE_OBJECTS: Final = ("enum", "const", "maxProperties")


class _Added:
    """What an object gets when it is about to run that it did not have when it was added."""

    def __init__(self, wider: Parts, narrower: Parts) -> None:
        always, defaults = always_in(wider), defaults_in(narrower)
        self.names = defaults.keys()
        self.defaults = {name: default for name, default in defaults.items() if name not in always}
        self.is_any = bool(self.defaults) or _is_added_below(wider, narrower, set())
        """Something, here or below."""


def _is_added_below(wider: Parts, narrower: Parts, seen: set[Pair]) -> bool:
    for part in narrower:
        for name in as_object(part.keywords.get("properties")) if part.filled else ():
            below, of_wider = part.at("properties", name), property_of(wider, name)
            key = (tuple(map(key_of, of_wider or ())), key_of(below), False)
            if of_wider is None or key in seen or not may_be(of_wider, ("object",)):
                continue
            seen.add(key)
            parts = parts_of(below)
            if defaults_in(parts).keys() - always_in(of_wider) or _is_added_below(of_wider, parts, seen):
                return True
    return False


def _taker_of(part: Node, name: str) -> Node | None:
    """Return what a part says of a property, as far as it is not a matter of patterns."""
    if name in as_object(part.keywords.get("properties")):
        return part.at("properties", name)
    others = "additionalProperties" in part.keywords and "patternProperties" not in part.keywords
    return part.at("additionalProperties") if others else None


def _is_same(wider: Node, narrower: Node, keyword: str) -> bool:
    """Say whether a keyword says the same on both sides, with all that is referred to there."""
    one, other = (text_of(_said_with(keyword, node)) for node in (wider, narrower))
    targets = targets_of(wider) if '"$ref"' in one else {}
    is_static = not any('"$dynamicRef"' in text for text in (one, *targets.values()))
    return one == other and is_static and (not targets or targets == targets_of(narrower))


def _said_with(keyword: str, node: Node) -> Json:
    """Return what a keyword says together with others; what is evaluated depends on everything that stands beside."""
    if keyword.startswith("unevaluated"):
        return node.schema
    return {each: node.keywords[each] for each in (keyword, *BESIDE) if each in node.keywords}


def _guessed(refusal: Refusal) -> Refusal:
    return replace(refusal, proven=False)


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

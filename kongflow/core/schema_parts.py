"""Parts: the subschemas that hold of one value together, and what they say of it: types, values, what lies below."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from jsonschema_rs import Resolver

from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_references import inside
from kongflow.core.schema_walk import Path


@dataclass(frozen=True, slots=True)
class Node:
    """A subschema: where in its file it stands, or the `$ref` that has led away from it."""

    schema: Json
    resolver: Resolver
    path: Path
    away: bool = False

    def at(self, *steps: str | int) -> Node:
        """Return the subschema at these steps."""
        below: Any = self.schema
        for step in steps:
            below = below[step]
        path = self.path if self.away else (*self.path, *steps)
        return Node(below, inside(below, self.resolver), path, self.away)

    @property
    def keywords(self) -> Mapping[str, Json]:
        """What it says; a schema that is true or false says nothing."""
        return self.schema if isinstance(self.schema, dict) else {}


Parts: TypeAlias = Sequence[Node]
"""Subschemas that hold together; none holds of anything."""


def top_of(schema: PayloadSchema) -> Node:
    """Return a whole schema."""
    return Node(schema.schema, schema.references.resolver, ())


def parts_of(node: Node, depth: int = 0) -> list[Node]:
    """Return a subschema with what its `$ref` and `allOf` say beside it."""
    parts = [node]
    if "$ref" in node.keywords and depth < 20:
        target = node.resolver.lookup(str(node.keywords["$ref"]))
        path = node.path if node.away else (*node.path, "$ref")
        parts += parts_of(Node(target.contents, target.resolver, path, away=True), depth + 1)
    for index, _ in enumerate(as_list(node.keywords.get("allOf"))):
        parts += parts_of(node.at("allOf", index), depth + 1)
    return parts


def alternatives_of(wider: Parts) -> Iterator[Parts]:
    """Yield what may hold, with each `anyOf` and `oneOf` decided; where there are too many ways, without them."""
    ways: list[list[Node]] = [[]]
    for part in wider:
        keyword = next((name for name in ("anyOf", "oneOf") if name in part.keywords), None)
        count = len(as_list(part.keywords.get(keyword or "")))
        branches = [parts_of(part.at(str(keyword), index)) for index in range(count)]
        if not branches or len(ways) * len(branches) > MAX_WAYS:
            ways = [[*way, part] for way in ways]
        else:
            ways = [[*way, part, *branch] for way in ways for branch in branches]
    return iter(ways)


MAX_WAYS: Final = 32
"""Combinations of alternatives that are looked at one by one."""

_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")


def types_of(parts: Iterable[Node]) -> frozenset[str]:
    """Return the types that a value may have; an `integer` is a `number`, too."""
    types = frozenset(_TYPES)
    for part in parts:
        if isinstance(said := part.keywords.get("type"), (str, list)):
            named = {said} if isinstance(said, str) else {str(each) for each in said}
            types &= named | ({"integer"} if "number" in named else set())
    known = values_of(parts)
    return types if known is None else types & {kind for value in known for kind in _kinds(value)}


def may_be(parts: Parts, types: tuple[str, ...]) -> bool:
    """Say whether a value may be of one of these types; of none is of any."""
    return not types or bool(types_of(parts) & set(types))


def refused_types(wider: Parts, narrower: Node) -> Iterator[str]:
    """Yield the types that the wider side may have and the narrower has not."""
    taken = types_of([narrower])
    wanted = types_of(wider)
    for kind in _TYPES:
        if kind in wanted and kind not in taken and not (kind == "integer" and "number" in wanted):
            yield kind


def _kinds(value: Json) -> tuple[str, ...]:
    if isinstance(value, bool) or value is None:
        return ("boolean",) if isinstance(value, bool) else ("null",)
    if isinstance(value, (int, float)):
        return ("integer",) if value == int(value) else ("number",)
    return ("string",) if isinstance(value, str) else ("array",) if isinstance(value, list) else ("object",)


def values_of(parts: Iterable[Node]) -> list[Json] | None:
    """Return the values that an enum or a const leaves, or None where there is neither."""
    for part in parts:
        if "const" in part.keywords:
            return [part.keywords["const"]]
        if "enum" in part.keywords:
            return as_list(part.keywords["enum"])
    return None


def property_of(parts: Parts, name: str) -> Parts | None:
    """Return what holds of a property; None where an object cannot have it, nothing where it may be anything."""
    found: list[Node] = []
    for part in parts:
        if name in as_object(part.keywords.get("properties")):
            found += parts_of(part.at("properties", name))
        elif part.keywords.get("additionalProperties") is False and "patternProperties" not in part.keywords:
            return None
        elif isinstance(part.keywords.get("additionalProperties"), dict):
            found += parts_of(part.at("additionalProperties"))
    return found


def additional_of(parts: Parts) -> Parts | None:
    """Return what holds of properties that are not declared; None where an object cannot have them."""
    found: list[Node] = []
    for part in parts:
        others = part.keywords.get("additionalProperties")
        if others is False:
            return None
        if isinstance(others, dict):
            found += parts_of(part.at("additionalProperties"))
    return found


def items_of(parts: Parts, index: int | None) -> Parts:
    """Return what holds of an item, or of every one behind those that have schemas of their own."""
    found: list[Node] = []
    for part in parts:
        first = as_list(part.keywords.get("prefixItems"))
        if index is not None and index < len(first):
            found += parts_of(part.at("prefixItems", index))
        elif "items" in part.keywords:
            found += parts_of(part.at("items"))
    return found


def are_apart(node: Node) -> bool:
    """Say whether no value can be of two alternatives of a `oneOf`, as their types say."""
    seen: set[str] = set()
    for index, _ in enumerate(as_list(node.keywords["oneOf"])):
        types = types_of(parts_of(node.at("oneOf", index)))
        if types & seen:
            return False
        seen |= types
    return True


def key_of(node: Node) -> list[str]:
    """Return what tells a subschema from others."""
    return [node.resolver.base_uri, json.dumps(node.schema, sort_keys=True)]


def as_object(value: Json) -> dict[str, Json]:
    """Return an object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return a list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []

"""Parts: the subschemas that hold of one value together, and what they say of it: types, values, what lies below."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from jsonschema_rs import Resolver

from kongflow.core.json import Json, canonical
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_defaults import NOTHING, default_of
from kongflow.core.schema_references import inside
from kongflow.core.schema_walk import Path, children


@dataclass(frozen=True, slots=True)
class Node:
    """A subschema: where in its file it stands, or the `$ref` that has led away from it."""

    schema: Json
    resolver: Resolver
    path: Path
    away: bool = False
    filled: bool = False
    """Defaults are filled in here: along `properties` and `$ref` only, as `schema_defaults` does."""

    def at(self, *steps: str | int) -> Node:
        """Return the subschema at these steps."""
        below: Any = self.schema
        for step in steps:
            below = below[step]
        path = self.path if self.away else (*self.path, *steps)
        return Node(below, inside(below, self.resolver), path, self.away, self.filled and steps[0] == "properties")

    def target(self) -> Node:
        """Return where its `$ref` leads."""
        found = self.resolver.lookup(str(self.keywords["$ref"]))
        path = self.path if self.away else (*self.path, "$ref")
        return Node(found.contents, found.resolver, path, True, self.filled)

    def value(self, values: Sequence[Json]) -> Node:
        """Return, in place of this subschema, one of which nothing but its values is known."""
        return Node({"enum": list(values)}, self.resolver, self.path, self.away, self.filled)

    @property
    def keywords(self) -> Mapping[str, Json]:
        """What it says; a schema that is true or false says nothing."""
        return self.schema if isinstance(self.schema, dict) else {}


Parts: TypeAlias = Sequence[Node]
"""Subschemas that hold together; none holds of anything."""


def top_of(schema: PayloadSchema) -> Node:
    """Return a whole schema."""
    return Node(schema.schema, schema.references.resolver, (), filled=True)


def parts_of(node: Node) -> list[Node]:
    """Return a subschema with what its `$ref` and `allOf` say beside it."""
    parts: list[Node] = []
    pending, followed = [node], set[tuple[str, str, bool]]()
    while pending:
        part = pending.pop()
        parts.append(part)
        beside = [part.at("allOf", index) for index, _ in enumerate(as_list(part.keywords.get("allOf")))]
        reference = (part.resolver.base_uri, str(part.keywords.get("$ref")), part.filled)
        if "$ref" in part.keywords and reference not in followed:
            followed.add(reference)
            beside.insert(0, part.target())
        pending += reversed(beside)
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
    known = values_of(parts)
    return _named_types(parts) if known is None else frozenset(map(_type_of, known))


def _named_types(parts: Iterable[Node]) -> frozenset[str]:
    types = frozenset(_TYPES)
    for part in parts:
        named = set(as_names(part.keywords.get("type"))) or set(_TYPES)
        types &= named | ({"integer"} if "number" in named else set())
    return types


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


def _type_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "integer" if value == int(value) else "number"
        case str():
            return "string"
    return "array" if isinstance(value, list) else "object"


def values_of(parts: Iterable[Node]) -> list[Json] | None:
    """Return the values that enums and consts leave, or None where there is neither."""
    found = [values for part in parts if (values := _own_values(part)) is not None]
    if not found:
        return None
    others = [{canonical(value) for value in values} for values in found[1:]]
    types = _named_types(parts)
    left = [value for value in found[0] if _type_of(value) in types]
    return [value for value in left if all(canonical(value) in each for each in others)]


def _own_values(part: Node) -> list[Json] | None:
    if "const" in part.keywords:
        return [part.keywords["const"]]
    return as_list(part.keywords["enum"]) if "enum" in part.keywords else None


def all_values_of(parts: Iterable[Node]) -> list[Json] | None:
    """Return every value that there can be, or None where there may be any number of them."""
    few: Mapping[str, list[Json]] = {"null": [None], "boolean": [True, False]}
    known, types = values_of(parts), types_of(parts)
    if known is not None or not few.keys() >= types:
        return known
    return [value for name in sorted(types) for value in few[name]]


# --- what lies below -------------------------------------------------------------------------------------------------


def property_of(parts: Parts, name: str) -> Parts | None:
    """Return what holds of a property; None where an object cannot have it, nothing where it may be anything."""
    found: list[Node] = []
    for part in parts:
        values = _own_values(part)
        if values is not None:
            having = [value[name] for value in values if name in as_object(value)]
            if not having:
                return None
            found.append(part.value(having))
        if name in as_object(part.keywords.get("properties")):
            found += parts_of(part.at("properties", name))
        elif _others_of(part) is False:
            return None
        elif isinstance(_others_of(part), dict):
            found += parts_of(part.at("additionalProperties"))
    return found


def additional_of(parts: Parts) -> Parts | None:
    """Return what holds of properties that are not declared; None where an object cannot have them."""
    found: list[Node] = []
    for part in parts:
        others = _others_of(part)
        if others is False or _own_values(part) is not None:
            return None
        if isinstance(others, dict):
            found += parts_of(part.at("additionalProperties"))
    return found


def _others_of(part: Node) -> Json:
    """Return what holds of every property that is not declared; those that a pattern takes may be anything."""
    return True if "patternProperties" in part.keywords else part.keywords.get("additionalProperties", True)


def names_in(parts: Parts) -> set[str]:
    """Return the properties that are told apart from others."""
    declared = {name for part in parts for name in as_object(part.keywords.get("properties"))}
    return declared.union(*(as_object(value) for value in values_of(parts) or ()))


def always_in(parts: Parts) -> set[str]:
    """Return the properties that every object has: they are required, or were filled in."""
    required = {str(name) for part in parts for name in as_list(part.keywords.get("required"))}
    objects = [set(value) for value in values_of(parts) or () if isinstance(value, dict)]
    return required | defaults_in(parts).keys() | (set.intersection(*objects) if objects else set())


def defaults_in(parts: Parts) -> dict[str, Json]:
    """Return the defaults that an object gets where it lacks a property."""
    found: dict[str, Json] = {}
    for part in parts:
        for name in as_object(part.keywords.get("properties")) if part.filled else ():
            below = part.at("properties", name)
            default = default_of(below.schema, below.resolver)
            if default is not NOTHING:
                found.setdefault(name, default)
    return found


def items_of(parts: Parts, index: int | None) -> Parts:
    """Return what is said of an item, or of every one behind those that have schemas of their own."""
    found: list[Node] = []
    for part in parts:
        if index is not None and index < len(as_list(part.keywords.get("prefixItems"))):
            found += parts_of(part.at("prefixItems", index))
        elif "items" in part.keywords:
            found += parts_of(part.at("items"))
    return found


def item_at(parts: Parts, index: int) -> Parts | None:
    """Return what holds of an item; None where a list cannot have it, nothing where it may be anything."""
    found: list[Node] = []
    for part in parts:
        most, values = part.keywords.get("maxItems"), _own_values(part)
        if isinstance(most, (int, float)) and index >= most:
            return None
        if values is not None:
            having = [item for value in values for item in as_list(value)[index:]]
            if not having:
                return None
            found.append(part.value(having))
    return [*found, *items_of(parts, index)]


def told_apart(parts: Parts) -> int:
    """Return the number of first items of a list that have schemas of their own."""
    return max((len(as_list(part.keywords.get("prefixItems"))) for part in parts), default=0)


def are_apart(node: Node) -> bool:
    """Say whether no value can be of two alternatives of a `oneOf`, as their types say."""
    seen: set[str] = set()
    for index, _ in enumerate(as_list(node.keywords["oneOf"])):
        types = types_of(parts_of(node.at("oneOf", index)))
        if types & seen:
            return False
        seen |= types
    return True


Key: TypeAlias = tuple[str, str, bool]
"""Where references start, what is said, and whether defaults are filled in."""


def key_of(node: Node) -> Key:
    """Return what tells a subschema from others."""
    return node.resolver.base_uri, text_of(node.schema), node.filled


Targets: TypeAlias = dict[tuple[str, str], str]
"""What is referred to: the text of each schema, by where its reference starts and what that says."""


def targets_of(node: Node) -> Targets:
    """Return everything that a subschema refers to, and what that refers to."""
    found: Targets = {}
    pending = [node]
    while pending:
        at = pending.pop()
        pending += [at.at(*step) for step, _ in children(at.schema)]
        reference = at.resolver.base_uri, str(at.keywords.get("$ref"))
        if "$ref" in at.keywords and reference not in found:
            target = at.target()
            found[reference] = text_of(target.schema)
            pending.append(target)
    return found


def text_of(value: Json) -> str:
    """Return a text that is the same for schemas that say the same, notes for people aside, and only for these."""
    return json.dumps(_without_notes(value), sort_keys=True)


_NOTES: Final[Mapping[str, type]] = {"title": str, "description": str, "$comment": str, "examples": list}
"""Keywords that say nothing of a value. A property of such a name has a schema, which is neither text nor a list."""
_OF_VALUES: Final = ("const", "enum", "default", "dependentRequired")
"""Keywords that hold no schemas: what is called so in there is no note."""


def _without_notes(schema: Json) -> Json:
    if isinstance(schema, list):
        return [_without_notes(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {key: value for key, value in schema.items() if not isinstance(value, _NOTES.get(key, ()))}
    return {key: value if key in _OF_VALUES else _without_notes(value) for key, value in said.items()}


def as_names(value: Json) -> list[str]:
    """Return the names that one or a list of them is."""
    return [value] if isinstance(value, str) else [str(name) for name in as_list(value)]


def as_object(value: Json) -> dict[str, Json]:
    """Return an object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return a list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []

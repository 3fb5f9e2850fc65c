"""Faults: what a valid schema says that cannot be meant: nothing fits it, or a default does not fit its own schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote

from jsonschema_rs import Resolver

from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema, SchemaProblem
from kongflow.core.schema_parts import Node, as_list, as_object, key_of, parts_of, top_of, types_of
from kongflow.core.schema_walk import Path, children
from kongflow.core.spelling import did_you_mean

_TESTING: Final = ("not", "if", "then", "else", "contains", "dependentSchemas")
"""Keywords whose subschemas need not fit: one that nothing fits may be meant there."""
_BOUNDS: Final = (
    ("minLength", "maxLength", ("string",), "text"),
    ("minItems", "maxItems", ("array",), "list"),
    ("minProperties", "maxProperties", ("object",), "object"),
    ("minimum", "maximum", ("integer", "number"), "number"),
    ("minimum", "exclusiveMaximum", ("integer", "number"), "number"),
    ("exclusiveMinimum", "maximum", ("integer", "number"), "number"),
    ("exclusiveMinimum", "exclusiveMaximum", ("integer", "number"), "number"),
)


def nothing_fits(schema: Json, resolver: Resolver) -> Iterator[SchemaProblem]:
    """Yield the subschemas of one valid file that no value fits, or no value of one of the types that they allow.
    References are not followed: what they lead to stands in a file of its own, or elsewhere in this one.
    """
    pending: list[Node] = [Node(schema, resolver, ())]
    while pending:
        node = pending.pop()
        if node.keywords:
            types = types_of([node])
            yield from _by_values(node, types)
            yield from _by_bounds(node, types)
            if "object" in types:
                yield from _by_keys(node)
        steps = [step for step, _ in children(node.schema) if step[0] not in _TESTING]
        pending.extend(Node(_below(node, step), resolver, (*node.path, *step)) for step in reversed(steps))


def takes_no_object(schema: PayloadSchema) -> bool:
    """Say whether a schema refuses every object by its types."""
    return "object" not in types_of(parts_of(top_of(schema)))


def _below(node: Node, steps: Path) -> Json:
    below: Any = node.schema
    for step in steps:
        below = below[step]
    return below


def _by_values(node: Node, types: frozenset[str]) -> Iterator[SchemaProblem]:
    if node.keywords.get("enum") == []:
        yield SchemaProblem((*node.path, "enum"), "an empty enum accepts nothing")
    elif not types and "type" in node.keywords:
        keyword = "const" if "const" in node.keywords else "enum"
        message = f"nothing fits: {keyword} has no value of the type {_or(node.keywords['type'])}"
        yield SchemaProblem((*node.path, keyword), message)


def _by_bounds(node: Node, types: frozenset[str]) -> Iterator[SchemaProblem]:
    for low, high, kinds, noun in _BOUNDS:
        least, most = node.keywords.get(low), node.keywords.get(high)
        if least is None or most is None or not types & set(kinds):
            continue
        is_open = "exclusive" in low + high
        if least > most or (is_open and least == most):
            than = "not less than" if is_open else "more than"
            message = f"no {noun} fits: {low} {least} is {than} {high} {most}"
            yield SchemaProblem((*node.path, low), message)


def _by_keys(node: Node) -> Iterator[SchemaProblem]:
    properties = as_object(node.keywords.get("properties"))
    is_closed = node.keywords.get("additionalProperties") is False and "patternProperties" not in node.keywords
    for index, name in enumerate(as_list(node.keywords.get("required"))):
        path = (*node.path, "required", index)
        if properties.get(str(name)) is False:
            yield SchemaProblem(path, f"no object fits: {name!r} is required, and forbidden in `properties`")
        elif is_closed and name not in properties:
            near = did_you_mean(str(name), properties)
            message = f"no object fits: {name!r} is required, and `additionalProperties: false` forbids it{near}"
            yield SchemaProblem(path, message)


def _or(types: Json) -> str:
    return types if isinstance(types, str) else " or ".join(str(each) for each in as_list(types))


# --- defaults --------------------------------------------------------------------------------------------------------


def unfit_defaults(schema: PayloadSchema) -> tuple[SchemaProblem, ...]:
    """Return the defaults that the schema refuses once they are filled in: no payload fits that leaves them out."""
    found: dict[str, Path] = {}
    pending: list[tuple[Sequence[str], Node]] = [((), top_of(schema))]
    seen: set[tuple[str, ...]] = set()
    while pending:
        steps, node = pending.pop()
        key = (*key_of(node),) if node.away else tuple(map(str, ("", *node.path)))
        if key in seen:
            continue
        seen.add(key)
        for name in as_object(node.keywords.get("properties")):
            below, to = node.at("properties", name), (*steps, name)
            place = _default_at(schema, below)
            if place is not None:
                found.update(dict.fromkeys(schema.why_unfit(to), place))  # of nested defaults the inner one is it
            pending.append((to, below))
        if "$ref" in node.keywords:
            pending.append((steps, _target(schema, node)))
    return tuple(SchemaProblem(path, message) for message, path in found.items())


def _default_at(schema: PayloadSchema, node: Node) -> Path | None:
    """Return where the default of a property stands: its own, else that of the schema it refers to."""
    while "default" not in node.keywords:
        if "$ref" not in node.keywords:
            return None
        node = _target(schema, node)
    return node.path if node.away else (*node.path, "default")


def _target(schema: PayloadSchema, node: Node) -> Node:
    """Return what a `$ref` leads to; inside the same file with its path there."""
    reference = str(node.keywords["$ref"])
    found = node.resolver.lookup(reference)
    if reference.startswith("#/") and not node.away and node.resolver.base_uri == schema.references.base:
        path = _steps(reference.removeprefix("#/"), schema.schema)
        return Node(found.contents, found.resolver, path)
    return Node(found.contents, found.resolver, node.path if node.away else (*node.path, "$ref"), away=True)


def _steps(pointer: str, value: Any) -> Path:
    steps: list[str | int] = []
    for part in unquote(pointer).split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        steps.append(int(key) if isinstance(value, list) else key)
        value = value[steps[-1]]
    return tuple(steps)

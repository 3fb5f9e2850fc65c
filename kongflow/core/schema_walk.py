"""Walking a JSON Schema of draft 2020-12, subschema by subschema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from kongflow.core.json import Json

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[Path, Json]
"""A path in the schema, and the subschema that stands there."""

IN_MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Keywords whose value maps names to subschemas."""
IN_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
"""Keywords whose value is a list of subschemas."""
SINGLE = (
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "unevaluatedItems",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
)
"""Keywords whose value is a subschema."""


def children(schema: Json) -> Iterator[Place]:
    """Yield the subschemas right below, in the order of the schema."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in SINGLE:
            yield (keyword,), value
        elif keyword in IN_LISTS and isinstance(value, list):
            yield from (((keyword, index), item) for index, item in enumerate(value))
        elif keyword in IN_MAPS and isinstance(value, dict):
            yield from (((keyword, name), item) for name, item in value.items())


def subschemas(schema: Json) -> Iterator[Place]:
    """Yield the schema itself and every subschema, each before its own."""
    pending: list[Place] = [((), schema)]
    while pending:
        path, sub = pending.pop()
        yield path, sub
        pending.extend(reversed([((*path, *step), child) for step, child in children(sub)]))

"""From JSON Schema to types: what a schema promises of a value that has passed it, defaults filled in.

What is not understood (`if`, `not`, `dependentRequired` and their like) makes the whole value unknown: it might
promise more than is seen here.
"""

from __future__ import annotations

from jsonschema_rs import Resolver

from kongflow.config.types.type import (
    ANY_LIST,
    ANY_OBJECT,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    UNKNOWN,
    Later,
    ListOf,
    ObjectOf,
    Others,
    Part,
    Type,
    Union,
    both,
    either,
    literals,
)
from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_defaults import has_default
from kongflow.core.schema_references import inside

MAX_DEPTH = 40
"""References and alternatives about one value, one inside the other; of what is beyond nothing is said."""

_OPAQUE = frozenset({"not", "if", "dependentSchemas", "dependentRequired", "$dynamicRef"})
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties", "patternProperties", "propertyNames"})
_SILENCING = frozenset({"patternProperties", "propertyNames", "unevaluatedProperties"})
"""Keywords that say something about keys that are not listed."""


def payload_type(schema: PayloadSchema | None) -> Type:
    """Return the type of a payload, which is an object whatever its schema says; None: it may hold anything."""
    if schema is None:
        return ANY_OBJECT
    found = both(ANY_OBJECT, type_of(schema))
    objects = found.members if isinstance(found, Union) else (found,)
    return found if all(isinstance(one, ObjectOf) for one in objects) else ANY_OBJECT


def type_of(schema: PayloadSchema) -> Type:
    """Return the type of a value that a schema lets pass."""
    references = schema.references
    return _Converter().convert(schema.schema, references.resolver, filled=True)


class _Converter:
    """Converts each referenced schema once."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, str, bool], Type] = {}
        self._depth = 0

    def convert(self, schema: Json, resolver: Resolver, *, filled: bool) -> Type:
        """Return the type of a schema. `filled`: defaults are filled in at this place, as `schema_defaults` does."""
        if not isinstance(schema, dict):
            return ANYTHING
        if _OPAQUE & schema.keys() or self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            return self._converted(schema, resolver, filled)
        finally:
            self._depth -= 1

    def _converted(self, schema: dict[str, Json], resolver: Resolver, filled: bool) -> Type:
        found = self._own(schema, resolver, filled)
        if "$ref" in schema:
            found = both(found, self._target(schema["$ref"], resolver, filled))
        for sub in schema.get("allOf", ()):
            found = both(found, self.convert(sub, inside(sub, resolver), filled=False))
        for keyword in ("anyOf", "oneOf"):
            branches = [sub for sub in schema.get(keyword, ()) if sub is not False]
            if branches:
                types = [self.convert(sub, inside(sub, resolver), filled=False) for sub in branches]
                found = both(found, either(types))
        return found

    def _target(self, reference: str, resolver: Resolver, filled: bool) -> Type:
        key = (resolver.base_uri, reference, filled)
        if key not in self._targets:
            self._targets[key] = UNKNOWN
            found = resolver.lookup(reference)
            self._targets[key] = self.convert(found.contents, found.resolver, filled=filled)
        return self._targets[key]

    def _own(self, schema: dict[str, Json], resolver: Resolver, filled: bool) -> Type:
        """Return what a schema says by itself, without what it refers to."""
        named = schema.get("type")
        if "enum" in schema or "const" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            of_values = literals(values) if values else ANYTHING
            return of_values if named is None else both(of_values, either(map(_plain_type, _names(named))))
        if named is None:
            return ObjectOf((self._part(schema, resolver, filled),), False) if _OF_OBJECTS & schema.keys() else ANYTHING
        return either(self._of_kind(name, schema, resolver, filled) for name in _names(named))

    def _of_kind(self, name: str, schema: dict[str, Json], resolver: Resolver, filled: bool) -> Type:
        if name == "object":
            return ObjectOf((self._part(schema, resolver, filled),))
        if name == "array":
            return self._list(schema, resolver)
        if name == "number" and float(schema.get("multipleOf", 0.5)).is_integer():
            return INTEGER
        return _plain_type(name)

    def _part(self, schema: dict[str, Json], resolver: Resolver, filled: bool) -> Part:
        properties = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if filled:
            required |= {key for key, sub in properties.items() if has_default(sub, inside(sub, resolver))}
        return Part(
            {key: self._later(sub, resolver, filled) for key, sub in properties.items()},
            frozenset(required),
            frozenset(key for key, sub in properties.items() if sub is False),
            self._others(schema, resolver),
        )

    def _others(self, schema: dict[str, Json], resolver: Resolver) -> Others | Later:
        if _SILENCING & schema.keys():
            return Others.SILENT
        others = schema.get("additionalProperties", True)
        if others is False:
            return Others.STRICT
        return self._later(others, resolver, False) if isinstance(others, dict) and others else Others.LOOSE

    def _list(self, schema: dict[str, Json], resolver: Resolver) -> Type:
        first = tuple(self._later(sub, resolver, False) for sub in schema.get("prefixItems", ()))
        if not first and "items" not in schema:
            return ANY_LIST
        return ListOf(self._later(schema.get("items", True), resolver, False), first)

    def _later(self, schema: Json, resolver: Resolver, filled: bool) -> Later:
        return Later(lambda: self.convert(schema, inside(schema, resolver), filled=filled))


_PLAIN: dict[str, Type] = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": TEXT,
    "array": ANY_LIST,
    "object": ANY_OBJECT,
}


def _plain_type(name: str) -> Type:
    return _PLAIN[name]


def _names(named: Json) -> list[str]:
    return [named] if isinstance(named, str) else list(named)

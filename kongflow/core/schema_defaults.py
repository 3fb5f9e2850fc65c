"""Defaults: the `default`s of a schema, filled into the objects that are there.

Only along `properties` and `$ref`: inside `items`, `anyOf` and the like it is not known beforehand what holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jsonschema_rs import Resolver

from kongflow.core.json import Json
from kongflow.core.schema_references import References, inside

NOTHING = object()
"""What stands for a default where there is none."""


class EndlessDefault(ValueError):
    """A default that, completed with the defaults below it, would hold itself."""


@dataclass(slots=True, eq=False)
class Defaults:
    """The defaults of one schema and of those below it; `$ref`s may make it a graph."""

    properties: dict[str, tuple[object, Defaults]] = field(default_factory=dict)
    """Default (or nothing) and what lies below, by property. A default holds those below it already."""
    targets: list[Defaults] = field(default_factory=list)
    """Where `$ref`s lead."""
    is_empty: bool = False
    """True where the whole schema has no default."""

    def names(self) -> frozenset[str]:
        """Return the properties of an object, and those that `$ref`s give it."""
        return frozenset(self.properties).union(*(target.names() for target in self.targets))

    def fill(self, value: Json) -> Json:
        """Return the value with defaults filled in; unchanged parts are shared, the value itself is left alone."""
        if self.is_empty or not isinstance(value, dict):
            return value
        filled = value
        for name, (default, below) in self.properties.items():
            if name in value:
                item = below.fill(value[name])
                if item is not value[name]:
                    filled = {**filled, name: item}
            elif default is not NOTHING:
                filled = {**filled, name: _copy(default)}
        for target in self.targets:
            filled = target.fill(filled)
        return filled

    def complete(self, value: Json, inside: tuple[Defaults, ...] = ()) -> Json:
        """Return a default with those below it filled in; `inside`: whose defaults it stands in.

        Raises: EndlessDefault.
        """
        if not isinstance(value, dict):
            return value
        completed = dict(value)
        for name, (default, below) in self.properties.items():
            if name in completed:
                completed[name] = below.complete(completed[name], inside)
            elif default is not NOTHING:
                if below in inside:
                    raise EndlessDefault(f"the default of {name!r} leads into itself: it would never end")
                completed[name] = below.complete(default, (*inside, below))
        for target in self.targets:
            completed = target.complete(completed, inside)
        return completed


def defaults_of(schema: Json, references: References) -> Defaults:
    """Return the defaults of a schema whose references all resolve. Raises: EndlessDefault."""
    builder = _Builder()
    root = builder.build(schema, references.resolver)
    for defaults in builder.every:
        for name, (default, below) in defaults.properties.items():
            defaults.properties[name] = below.complete(default, (below,)), below
    root.is_empty = all(default is NOTHING for each in builder.every for default, _ in each.properties.values())
    return root


class _Builder:
    """Builds each referenced schema once, so that a reference to itself ends."""

    def __init__(self) -> None:
        self.every: list[Defaults] = []
        self._built: dict[tuple[str, str], Defaults] = {}

    def build(self, schema: Json, resolver: Resolver) -> Defaults:
        """Return the defaults of a schema; all that were built stand in `every`."""
        defaults = self._new()
        self._extend(defaults, schema, resolver)
        return defaults

    def _new(self) -> Defaults:
        self.every.append(Defaults())
        return self.every[-1]

    def _extend(self, defaults: Defaults, schema: Json, resolver: Resolver) -> None:
        if not isinstance(schema, dict):
            return
        for name, sub in schema.get("properties", {}).items():
            at = inside(sub, resolver)
            defaults.properties[name] = (default_of(sub, at), self.build(sub, at))
        if "$ref" in schema:
            defaults.targets.append(self._target(schema["$ref"], resolver))

    def _target(self, reference: str, resolver: Resolver) -> Defaults:
        key = (resolver.base_uri, reference)
        if key not in self._built:
            self._built[key] = self._new()
            found = resolver.lookup(reference)
            self._extend(self._built[key], found.contents, found.resolver)
        return self._built[key]


def has_default(schema: Json, resolver: Resolver) -> bool:
    """Say whether a property is there in any case, because it has a default; `resolver` is that inside its schema."""
    return default_of(schema, resolver) is not NOTHING


def default_of(schema: Json, resolver: Resolver) -> Json:
    """Return the default of a property: its own, else that of the schema it refers to; NOTHING where there is none.
    `resolver` is that inside its schema.
    """
    while isinstance(schema, dict):
        if "default" in schema:
            return schema["default"]
        if "$ref" not in schema:
            break
        found = resolver.lookup(schema["$ref"])
        schema, resolver = found.contents, found.resolver
    return NOTHING


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value

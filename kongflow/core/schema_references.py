"""References: where the `$ref`s of a schema lead: into itself or another of the project. Nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from jsonschema_rs import Draft202012, ReferencingError, Registry, Resolved, Resolver

from kongflow.core.json import Json
from kongflow.core.schema_walk import Path, children

BASE_URI = "kongflow:///"
"""What relative references are resolved against: the folder of kongflow.yaml, without being a place on the disk."""

_IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""Keywords whose subschemas are about the same value: a way round through them alone would never end."""

Problem: TypeAlias = tuple[Path, str]


class References:
    """The references of one schema, among the schemas of its project."""

    def __init__(self, schema: Json, resources: Mapping[str, Json], uri: str) -> None:
        self.base = absolute(uri)
        self._schema = schema
        self._absent: set[str] = set()
        every = {absolute(name): resource for name, resource in resources.items()} | {self.base: schema}
        self.registry = Registry(list(every.items()), draft=Draft202012, retriever=self._retrieve)

    @property
    def resolver(self) -> Resolver:
        """Resolves what the schema refers to at its top."""
        return inside(self._schema, self.registry.resolver(self.base))

    def unresolved(self) -> Iterator[Problem]:
        """Yield every reference that leads nowhere, with the reason."""
        own = 0
        for path, sub, resolver in self._objects():
            for keyword in ("$ref", "$dynamicRef"):
                reason = self._why_unresolved(sub[keyword], resolver) if keyword in sub else None
                if reason:
                    own += 1
                    yield (*path, keyword), reason
        for uri in sorted(self._absent) if not own else ():
            yield (), f"a schema that this one refers to needs {uri!r}, which is not part of the project"

    def endless(self) -> Iterator[Problem]:
        """Yield every reference that comes back to itself without going down into the value; all must resolve."""
        for path, sub, resolver in self._objects():
            if "$ref" in sub and _comes_back(sub["$ref"], resolver):
                yield (*path, "$ref"), f"{sub['$ref']!r} leads back to itself: this would never end"

    def _objects(self) -> Iterator[tuple[Path, dict[str, Json], Resolver]]:
        """Yield the subschemas that are objects, each with the resolver that its references start from."""
        pending: list[tuple[Path, Json, Resolver]] = [((), self._schema, self.resolver)]
        while pending:
            path, sub, resolver = pending.pop()
            if isinstance(sub, dict):
                yield path, sub, resolver
                below = [((*path, *step), child, inside(child, resolver)) for step, child in children(sub)]
                pending.extend(reversed(below))

    def _retrieve(self, uri: str) -> Json:
        """Take note of a schema that is not there. The registry asks for all of them at once, and gives up at the first
        refusal; so it gets a schema that says nothing, and the reference to it is a problem.
        """
        self._absent.add(uri)
        return {}

    def _why_unresolved(self, reference: str, resolver: Resolver) -> str | None:
        try:
            found = resolver.lookup(reference)
        except ReferencingError as error:
            return f"{reference!r} leads nowhere: {error}"
        if found.resolver.base_uri not in self._absent:
            return None
        if ":" in reference or not found.resolver.base_uri.startswith(BASE_URI):
            return f"{reference!r} is not part of the project: schemas are never fetched, keep a copy beside this one"
        return f"{reference!r} leads nowhere: the project has no such schema"


def absolute(uri: str) -> str:
    """Return the URI of a schema, given its path in the project or its URI."""
    return uri if ":" in uri else BASE_URI + uri


def inside(schema: Json, resolver: Resolver) -> Resolver:
    """Return the resolver for what stands inside a subschema: an `$id` moves its base. What a lookup finds has it
    moved already.
    """
    return resolver.lookup(schema["$id"]).resolver if isinstance(schema, dict) and "$id" in schema else resolver


def _comes_back(reference: str, resolver: Resolver) -> bool:
    start = (resolver.base_uri, reference)
    pending, seen = [resolver.lookup(reference)], {start}
    while pending:
        for next_reference, next_resolver in _in_place(pending.pop()):
            key = (next_resolver.base_uri, next_reference)
            if key == start:
                return True
            if key not in seen:
                seen.add(key)
                pending.append(next_resolver.lookup(next_reference))
    return False


def _in_place(target: Resolved) -> Iterator[tuple[str, Resolver]]:
    """Yield the references of a schema that are about the same value."""
    pending = [(target.contents, target.resolver)]
    while pending:
        sub, resolver = pending.pop()
        if isinstance(sub, dict):
            if "$ref" in sub:
                yield str(sub["$ref"]), resolver
            pending.extend((child, inside(child, resolver)) for step, child in children(sub) if step[0] in _IN_PLACE)

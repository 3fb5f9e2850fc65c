"""Schemas that are valid, and still cannot be meant: nothing fits, or a default does not."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding
from kongflow.config.schemas import Places
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_faults import nothing_fits, takes_no_object, unfit_defaults


def schema_unsatisfiable(facts: Facts) -> Iterator[Finding]:
    """Some value fits a schema and each of its parts, and some object fits the schema of a payload."""
    documents = {id(document.value): document for document in facts.schemas.documents.values()}
    for key, schema, place in _schemas(facts):
        named = (documents[id(other)] for other in schema.resources.values() if id(other) in documents)
        files = [(schema.schema, place), *((document.value, document.value_place) for document in named)]
        for written, at in files:
            for problem in nothing_fits(written, schema.references.resolver):
                advice = "correct the schema; what must not be there is written `false`"
                yield finding("schema-unsatisfiable", at(problem.path), problem.message, advice)
        if key == "payload" and takes_no_object(schema):
            message = "a payload is an object, and this schema takes none"
            path = ("type",) if isinstance(schema.schema, dict) and "type" in schema.schema else ()
            yield finding("schema-unsatisfiable", place(path), message, "write `type: object`, with its `properties`")


def default_invalid(facts: Facts) -> Iterator[Finding]:
    """A default that is filled into payloads fits the schema that it stands in."""
    for key, schema, place in _schemas(facts):
        for problem in unfit_defaults(schema) if key == "payload" else ():
            message = f"the default does not fit its own schema: {problem.message}"
            advice = "correct it: every payload that leaves the field out would be refused"
            yield finding("default-invalid", place(problem.path), message, advice)


def _schemas(facts: Facts) -> Iterator[tuple[str, PayloadSchema, Places]]:
    """Yield every schema once for each key that tasks name it at, with where it is written."""
    seen: set[tuple[str, int]] = set()
    for (task, key), schema in facts.schemas.compiled.items():
        if (key, id(schema)) not in seen:
            seen.add((key, id(schema)))
            yield key, schema, facts.schemas.places[task, key]

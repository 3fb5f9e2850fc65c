"""Refusals: which payloads a runner runs of those that it claims, and why not the others, in words that hold nothing of
the payload: payloads are secret, and there are many of them. What differs in values alone is one refusal.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from kongflow.core.expression import kind_of
from kongflow.core.json import Json, path_of
from kongflow.core.schema_errors import expectation, keywords
from kongflow.core.schema_walk import IN_LISTS, IN_MAPS
from kongflow.core.task import Task
from kongflow.errors import InvalidPayload

_STEPS: Final = {
    "items": "[*]",
    "prefixItems": "[*]",
    "unevaluatedItems": "[*]",
    "contains": "[*]",
    "additionalProperties": ".*",
    "unevaluatedProperties": ".*",
    "patternProperties": ".*",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that a schema asks for and a payload does not give. `path` is a JSON path, `*` for any key or index."""

    path: str
    message: str


def claimed_payload(task: Task, payload: Json) -> Json:
    """Return the payload of a job that was claimed, by today's schema. Raises: InvalidPayload, with every problem."""
    if not isinstance(payload, dict):
        raise InvalidPayload(f"the payload must be a JSON object, and this is {kind_of(payload)}")
    return payload if task.payload_schema is None else task.payload_schema.check_run(payload)


def refusals(task: Task, payload: Json, size: int = 0) -> tuple[Refusal, ...]:
    """Return why `claimed_payload` would refuse a payload, each thing once; nothing where it would return. Of a large
    one, by the `size` of its text, it may be the first thing alone.
    """
    if not isinstance(payload, dict):
        return (Refusal("$", "expected an object"),)
    schema = task.payload_schema
    if schema is None:
        return ()
    try:
        errors = schema.unforgiven(payload, size)
        return tuple(dict.fromkeys(_in_words(errors))) if errors else ()
    except ValueError:
        return (Refusal("$", "the schema's engine cannot read it"),)


def _in_words(errors: Iterable[jsonschema_rs.ValidationError]) -> Iterator[Refusal]:
    for error in errors:
        path = _path(tuple(error.evaluation_path))
        match error.kind:
            case Kind.Required(property=name):
                yield Refusal(f"{path}{path_of((name,))[1:]}", "is required and missing")
            case Kind.AnyOf() | Kind.OneOfNotValid():
                yield Refusal(path, "fits none of the allowed forms")
            case Kind.PropertyNames():
                yield Refusal(path, "has a key that is not allowed")
            case Kind.FalseSchema():
                yield Refusal(path, "is not allowed")
            case _:
                what = expectation(error)
                yield Refusal(path, what or f"does not fit {(keywords(error.evaluation_path) or ['it'])[-1]!r}")


@functools.lru_cache(maxsize=1_000)
def _path(evaluation_path: tuple[str | int, ...]) -> str:
    """Return where in a value a path through a schema is about."""
    found, steps = "$", iter(evaluation_path)
    for step in steps:
        found += _STEPS.get(str(step), "")
        if step in IN_MAPS or step in IN_LISTS:
            name = next(steps, "")
            found += path_of((str(name),))[1:] if step == "properties" else ""
    return found

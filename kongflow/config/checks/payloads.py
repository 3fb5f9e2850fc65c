"""Payloads: the examples of a task validate against its schema."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding
from kongflow.config.project import Entry
from kongflow.core.json import Json, dump
from kongflow.core.schema import PayloadSchema
from kongflow.errors import InvalidPayload


def example_invalid(facts: Facts) -> Iterator[Finding]:
    """Every example of a task could be added as its payload."""
    for task in facts.project.tasks.values():
        schema = facts.schemas.compiled.get((task.name, "payload"))
        if schema is None and ("payload" in task.value or task.failed("payload")):
            continue  # the schema has a finding of its own
        for index, example in enumerate(task.value.get("examples", [])):
            yield from _problems(task, index, example, schema)


def _problems(task: Entry, index: int, example: Json, schema: PayloadSchema | None) -> Iterator[Finding]:
    place = task.value_place("examples", index)
    if not isinstance(example, dict) and example is not None:
        yield finding("example-invalid", place, "a payload is a mapping, this example is not", "write {key: value}")
        return
    value = {} if example is None else example
    try:
        dump(value, "example")
        if schema is not None:
            schema.check_added(value)
    except InvalidPayload as error:
        advice = "correct the example or the schema: `render` and tests use it"
        for problem in error.problems or (str(error),):
            yield finding("example-invalid", place, f"the example does not match the schema: {problem}", advice)

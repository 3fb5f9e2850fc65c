"""Payloads: the examples of a task validate against its schema."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.checks.payload_problems import steps_of_problem
from kongflow.config.findings import Finding, Place, finding, related_to
from kongflow.config.project import Entry
from kongflow.core.json import Json, dump
from kongflow.errors import InvalidPayload


def example_invalid(facts: Facts) -> Iterator[Finding]:
    """Every example of a task could be added as its payload, also one that it inherits."""
    for task in facts.project.tasks.values():
        yield from _of_examples(facts, task, (task,))
    yield from _of_examples(facts, facts.project.task_defaults, facts.project.heirs("examples"))


def _of_examples(facts: Facts, owner: Entry, tasks: tuple[Entry, ...]) -> Iterator[Finding]:
    """Yield what is wrong with the examples of an entry, as payloads of the tasks; each problem once."""
    for index, example in enumerate(owner.value.get("examples", [])):
        if not isinstance(example, dict) and example is not None:
            place = owner.value_place("examples", index)
            yield finding("example-invalid", place, "a payload is a mapping, this example is not", "write {key: value}")
            continue
        refusing: dict[str, list[Place]] = {}
        for task in tasks:
            for problem in _problems(facts, task, example):
                refusing.setdefault(problem, []).extend([task.key_place()] if task is not owner else [])
        for problem, heirs in refusing.items():
            message = f"the example does not match the schema: {problem}"
            advice = "correct the example or the schema: `render` and tests use it"
            place = owner.value_place("examples", index, *steps_of_problem(example, problem))
            yield finding("example-invalid", place, message, advice, related_to(heirs, "a task that inherits it"))


def _problems(facts: Facts, task: Entry, example: Json) -> tuple[str, ...]:
    schema = facts.schemas.compiled.get((task.name, "payload"))
    if schema is None and ("payload" in task.value or task.failed("payload")):
        return ()  # the schema has a finding of its own
    value = {} if example is None else example
    try:
        dump(value, "example")
        if schema is not None:
            schema.check_added(value)
    except InvalidPayload as error:
        return error.problems or (str(error),)
    return ()

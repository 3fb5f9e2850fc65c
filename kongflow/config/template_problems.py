"""What is wrong with the templates of a project, by the types of what they see; those of a default for every heir."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kongflow.config.project import Entry
from kongflow.config.schemas import Schemas
from kongflow.config.templates import TemplateUse
from kongflow.config.types.check import Target, check
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Scope
from kongflow.config.types.type import TEXT, ObjectOf, Type, literal, object_of
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import Template

_TARGETS = {"queue": Target.QUEUE, "job_key": Target.JOB_KEY, "priority": Target.PRIORITY}
_OF_ANY_TASK = object_of({"name": TEXT})


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """One problem of one template; `heirs` are the tasks that inherit the template and have the problem by it."""

    use: TemplateUse
    problem: Problem
    heirs: tuple[Entry, ...]


def template_problems(uses: Iterable[TemplateUse], schemas: Schemas) -> tuple[TemplateProblem, ...]:
    """Return every problem of the templates that could be parsed."""
    payloads = _Payloads(schemas)
    return tuple(found for use in uses if use.template is not None for found in _of_use(use, use.template, payloads))


class _Payloads:
    """The types of payloads; those of one schema are made once, whichever tasks name it."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._types: dict[int, Type] = {}

    def of(self, task: Entry) -> Type:
        schema: PayloadSchema | None = self._schemas.compiled.get((task.name, "payload"))
        if id(schema) not in self._types:
            self._types[id(schema)] = payload_type(schema)
        return self._types[id(schema)]


def _of_use(use: TemplateUse, template: Template, payloads: _Payloads) -> Iterator[TemplateProblem]:
    if not use.is_of_a_task:
        scope = {"schedule": object_of({"slot": TEXT, "name": literal(use.entry.name)})}
        yield from (TemplateProblem(use, problem, ()) for problem in check(template, scope, Target.PAYLOAD))
        return
    target = _TARGETS[str(use.key)]
    if not use.tasks:  # a default that no task inherits
        unknown: Scope = {"payload": payload_type(None), "task": _OF_ANY_TASK}
        yield from (TemplateProblem(use, problem, ()) for problem in check(template, unknown, target))
        return
    found: dict[tuple[str, int, int], list[tuple[Entry, Problem]]] = {}
    for task in use.tasks:
        for problem in check(template, _scope(task, payloads), target):
            found.setdefault((problem.slug, problem.start, problem.end), []).append((task, problem))
    for having in found.values():
        firm = [(task, problem) for task, problem in having if not problem.hedged]
        if firm or len(having) == len(use.tasks):
            yield _inherited(use, firm or having)


def _inherited(use: TemplateUse, having: list[tuple[Entry, Problem]]) -> TemplateProblem:
    problem = having[0][1]
    heirs = (
        () if problem.slug == "template-unknown-name" else tuple(task for task, _ in having if task is not use.entry)
    )
    return TemplateProblem(use, problem, heirs)  # what is in scope is the same for every task


def _scope(task: Entry, payloads: _Payloads) -> Scope:
    named: ObjectOf = object_of({"name": literal(task.name)})
    return {"payload": payloads.of(task), "task": named}

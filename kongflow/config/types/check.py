"""Checking: every problem of one template, by the types of the names that it sees and by what it is for."""

from __future__ import annotations

from enum import Enum

from kongflow.config.types.fit import Want, printed
from kongflow.config.types.infer import NOTHING, Inference
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Scope
from kongflow.config.types.signatures import OF_INTEGER
from kongflow.core.template import Template


class Target(Enum):
    """What a template is for."""

    QUEUE = "the queue name"
    JOB_KEY = "the job key"
    PRIORITY = "the priority"
    """An integer: it keeps its type."""
    PAYLOAD = "a text"
    """A value of a payload: it keeps its type where it is one whole `<< … >>`."""


def check(template: Template, scope: Scope, target: Target) -> tuple[Problem, ...]:
    """Return what is wrong with a template, in the order of its text."""
    inference = Inference(scope)
    trees = [part.tree for part in template.parts if not isinstance(part, str)]
    is_whole = len(template.parts) == len(trees) == 1
    whole = (0, len(template.text))
    if target is Target.PRIORITY and not is_whole and trees:
        inference.report(Problem("template-value-type", *whole, "a priority is an integer, this is text", _WHOLE))
    for tree in trees:
        if target is Target.PRIORITY and is_whole:
            inference.expect(tree, NOTHING, _priority(whole))
        elif target is Target.PAYLOAD and is_whole:
            inference.present(tree, NOTHING)
        else:
            inference.expect(tree, NOTHING, printed(target.value))
    return tuple(sorted(inference.problems.values(), key=lambda problem: (problem.start, problem.end, problem.slug)))


_WHOLE = "write one << … >> that gives a number, and nothing around it"


def _priority(whole: tuple[int, int]) -> Want:
    return Want(
        "template-value-type",
        OF_INTEGER,
        lambda what, sure: f"a priority is an integer, this {'is' if sure else 'may be'} {what}",
        "convert it with | int, or change the schema",
        whole,
    )

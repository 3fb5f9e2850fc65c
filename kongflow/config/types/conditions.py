"""Conditions: those that are always true or always false, and lists and objects that are taken for one."""

from __future__ import annotations

from kongflow.config.findings import quoted, suggestion
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Scope, type_at
from kongflow.config.types.type import Kind, Scalar, Type, Union, kind_of, members
from kongflow.config.types.words import described, in_words
from kongflow.core import syntax
from kongflow.core.syntax import Node, path_of


def judge(node: Node, type_: Type, declared: Type, scope: Scope, *, negated: bool = False) -> Problem | None:
    """Return what is to be said of a condition. `declared`: its type by the schema alone. `negated`: it says
    `is not`.
    """
    truth = _truth(declared)
    if truth is not None:
        message = f"this condition is always {str(truth is not negated).lower()}"
        return Problem("template-constant", node.start, node.end, message, _why(node, scope), hedged=True)
    known = members(type_)
    if known is not None and len(known) == 1 and kind_of(known[0]) in (Kind.LIST, Kind.OBJECT):
        advice = "write | length > 0"
        return Problem("template-not-boolean", *node.mark, f"{in_words(known[0])} is used as a condition", advice)
    return None


def _truth(type_: Type) -> bool | None:
    """Say whether every value of a type counts as true or every one as false; None where that is not so."""
    found: set[bool] = set()
    for member in members(type_) or ():
        if not isinstance(member, Scalar):
            return None
        if member.kind is Kind.NULL:
            found.add(False)
        elif member.values is None:
            return None
        else:
            found |= set(map(bool, member.values))
    return found.pop() if len(found) == 1 else None


def _why(node: Node, scope: Scope) -> str:
    """Say what makes a condition a constant."""
    subject, values = _sides(node)
    path = path_of(subject)
    if path is None:
        return "drop the condition"
    type_ = type_at(path, scope, {})
    if isinstance(node, syntax.Test) and node.name in ("defined", "undefined"):
        return f"{quoted(path[-1])} is always there: the schema requires it"
    texts = [
        value
        for one in _members(type_)
        if isinstance(one, Scalar)
        for value in one.values or ()
        if isinstance(value, str)
    ]
    near = suggestion(values[0], texts) if len(values) == 1 else ""
    return near or f"{quoted(path[-1])} is {described(type_)}"


def _sides(node: Node) -> tuple[Node, list[str]]:
    """Return what a condition asks about, and the text that it is compared with."""
    if isinstance(node, syntax.Compare):
        left, right = node.operands[:2]
        if isinstance(left, syntax.Const):
            left, right = right, left
        return left, [right.value] if isinstance(right, syntax.Const) and isinstance(right.value, str) else []
    return (node.subject if isinstance(node, syntax.Test) else node), []


def _members(type_: Type) -> tuple[object, ...]:
    return type_.members if isinstance(type_, Union) else (type_,)

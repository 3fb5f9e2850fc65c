"""Operators: what arithmetic and comparisons work on, and what they give."""

from __future__ import annotations

from itertools import pairwise

from kongflow.config.types.fit import Infers, groups, is_integral, wants
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Known
from kongflow.config.types.signatures import OF_LIST, OF_NUMBER, OF_TEXT
from kongflow.config.types.type import (
    ANY_LIST,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Kind,
    ListOf,
    Type,
    either,
    items_of,
    literal,
    members,
    overlaps,
)
from kongflow.core import syntax

_ADDED = OF_NUMBER | OF_TEXT | OF_LIST
_ORDERED = _ADDED | {Kind.BOOLEAN}
_HOLDING = OF_LIST | OF_TEXT | {Kind.OBJECT}


def arithmetic(inference: Infers, node: syntax.Arithmetic, known: Known) -> Type:
    """Return what an arithmetic operation gives."""
    is_sum = node.operator == "+" and len(node.operands) == 2
    want = wants("template-type", repr(node.operator), _ADDED if is_sum else OF_NUMBER)
    types = [inference.expect(operand, known, want) for operand in node.operands]
    if not is_sum:
        return _number(node, types)
    if not _go_together(types):
        inference.report(_apart(node, types))
        return ANYTHING
    found = set().union(*map(groups, types))
    if len(found) != 1:
        return ANYTHING
    return {"number": _number(node, types), "text": TEXT, "list": ANY_LIST}[found.pop()]


def _number(node: syntax.Arithmetic, types: list[Type]) -> Type:
    if node.operator == "//":
        return INTEGER
    if node.operator == "/" or not all(map(is_integral, types)):
        return NUMBER
    if node.operator == "**":
        power = node.operands[-1]
        return INTEGER if isinstance(power, syntax.Const) and power.value >= 0 else NUMBER
    return INTEGER


def comparison(inference: Infers, node: syntax.Compare, known: Known) -> Type:
    """Return what a comparison gives: a boolean, of which the value is known where both sides can never be equal."""
    given = [inference.present(operand, known) for operand in node.operands]
    never = False
    for operator, (left, right), types in zip(node.operators, pairwise(node.operands), pairwise(given), strict=True):
        if operator in ("==", "!="):
            never = never or not overlaps(*types)
        elif operator in ("in", "notin"):
            never = _membership(inference, left, right, known) or never
        else:
            want = wants("template-type", repr(operator), _ORDERED)
            compared = [inference.expect(side, known, want) for side in (left, right)]
            if not _go_together(compared):
                inference.report(_apart(syntax.Compare(left.start, right.end, (left, right), (operator,)), compared))
    if len(node.operators) > 1:
        return BOOLEAN
    return literal(node.operators[0] in ("!=", "notin")) if never else BOOLEAN


def _membership(inference: Infers, left: syntax.Node, right: syntax.Node, known: Known) -> bool:
    """Look at `left in right`; say whether it can never be."""
    holder = inference.expect(right, known, wants("template-type", "'in'", _HOLDING))
    if groups(holder) == {"text"}:
        inference.expect(left, known, wants("template-type", "'in' a text", OF_TEXT))
    types = members(holder) or ()
    if not types or not all(isinstance(one, ListOf) for one in types):
        return False
    items = either(items_of(one) for one in types if isinstance(one, ListOf))
    return not overlaps(inference.present(left, known), items)


def _go_together(types: list[Type]) -> bool:
    """Say whether an operator can work on two values, whichever they are."""
    left, right = map(groups, types)
    return not left or not right or (left == right and len(left) == 1)


def _apart(node: syntax.Arithmetic | syntax.Compare, types: list[Type]) -> Problem:
    operator = node.operator if isinstance(node, syntax.Arithmetic) else node.operators[0]
    left, right = (" or ".join(sorted(groups(type_))) for type_ in types)
    message = f"{operator!r} does not go with {left} and {right}"
    return Problem("template-type", node.start, node.end, message, "convert one side: | int, | float or | string")

"""Jinja, tamed: the environment in which an expression runs. It sees plain JSON values and nothing else.

Layers, each of which would do alone: no globals; an allow-list of filters and tests; keys only, never attributes;
operators that know text, numbers and lists; caps on all three. `sandbox.py` adds the allow-list of syntax.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame, operators
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kongflow.core.expression import as_text, kind_of
from kongflow.core.filters import FILTERS, MAX_ITEMS, TESTS, joined, short_enough
from kongflow.core.json import MAX_BYTES, MAX_INTEGER, MIN_INTEGER, Json

MAX_VALUES = MAX_BYTES // 2
"""Values in what one expression gives: no JSON that may be stored has more."""


class Missing(StrictUndefined):
    """A value that is not there. Chains (`payload.owner.name` where there is no owner); everything else is an error."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


class _CodeGenerator(CodeGenerator):
    """Jinja's compiler, with `~` as an operator of ours: its own prints null, lists and objects. And what is compared,
    or what a list or an object is made of, must be there: Python would not look, such as for `missing in []`.
    """

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802, Jinja's name
        self.write("(")
        self._visit_present(node.expr, frame)
        for operand in node.ops:
            self.visit(operand, frame)
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:  # noqa: N802
        self.write(f" {operators[node.op]} ")
        self._visit_present(node.expr, frame)

    def _visit_present(self, node: nodes.Expr, frame: Frame) -> None:
        self.write("environment.present(")
        self.visit(node, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.concatenate((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        self.write("environment.complete(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        self.write("environment.complete(")
        super().visit_Tuple(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self.write("environment.complete(")
        super().visit_Dict(node, frame)
        self.write(")")


class Environment(ImmutableSandboxedEnvironment):
    """The environment of every expression: it has no globals, so that a name is a key of the scope or nothing."""

    code_generator_class = _CodeGenerator
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    intercepted_unops = frozenset(ImmutableSandboxedEnvironment.default_unop_table)

    def __init__(self) -> None:
        super().__init__(
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="<%",
            block_end_string="%>",
            comment_start_string="<#",
            comment_end_string="#>",
            keep_trailing_newline=True,
            optimized=False,  # no filter runs while a template is parsed
            undefined=Missing,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {name: _strict(function) for name, function in FILTERS.items()} | {"default": default}
        self.tests = {name: _strict(function) for name, function in TESTS.items()} | {
            "defined": lambda value: not isinstance(value, Undefined),
            "undefined": lambda value: isinstance(value, Undefined),
        }

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a key up; an object has no attributes here, so that `payload.items` is the key."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look a key or an index up."""
        if isinstance(obj, Undefined):
            return obj
        try:
            if isinstance(obj, Mapping) or (isinstance(obj, str | list | tuple) and type(argument) is int):
                return obj[argument]
        except LookupError:
            pass
        return self.undefined(name=str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an arithmetic operator."""
        return arithmetic(operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """Apply a sign."""
        return arithmetic(operator, 0, arg)

    def present(self, value: Any) -> Any:
        """Return what is compared. Raises: where it is missing."""
        return _present(value)

    def complete(self, value: Any) -> Any:
        """Return a list or an object that the expression makes, of values that are all there."""
        for item in value.values() if isinstance(value, dict) else value:
            _present(item)
        return value

    def concatenate(self, parts: tuple[Any, ...]) -> str:
        """Apply `~`: what is printed for each part, joined."""
        return joined([as_text(_present(part), "a part of ~") for part in parts])


# --- what operators and filters may do -------------------------------------------------------------------------------


def default(value: Any, fallback: Any = "", empty_too: bool = False) -> Any:
    """Replace a missing value; with `empty_too` also null, false, 0 and ''."""
    return fallback if isinstance(value, Undefined) or (empty_too and not value) else value


def arithmetic(operator: str, left: Any, right: Any) -> Json:
    """Apply one of + - * / // % **: to two numbers; + also to two texts or two lists. Raises: ValueError."""
    left, right = _present(left), _present(right)
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return short_enough(left + right)
    if operator == "+" and isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > MAX_ITEMS:
            raise ValueError(f"a list of more than {MAX_ITEMS:,} items")
        return left + right
    for value in (left, right):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{operator} works on numbers, this is {kind_of(value)}")
    if operator == "**" and (abs(right) > 64 or abs(left) > 2**32):
        raise ValueError(f"{left} ** {right} is too large")
    if operator in ("/", "//", "%") and right == 0:
        raise ValueError(f"{operator} by 0")
    return _in_range(_OPERATORS[operator](left, right))


_OPERATORS = ImmutableSandboxedEnvironment.default_binop_table


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or test that fails for a missing value, in whichever argument."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_present, args), **{name: _present(value) for name, value in kwargs.items()})

    return guarded


def _present(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises
    return value


def is_in_range(number: int | float) -> bool:
    """Say whether a number can be stored as JSON."""
    return math.isfinite(number) if isinstance(number, float) else MIN_INTEGER <= number <= MAX_INTEGER


def _in_range(value: Any) -> int | float:
    # Some powers are complex: JSON has no such number.
    if isinstance(value, int | float) and is_in_range(value):
        return value
    raise ValueError("the result is not a number that JSON has within 64 bits")


def plain(value: Any) -> Json:
    """Return the value with tuples as lists. Raises: where anything in it is missing or not JSON, or it is too much."""
    left = MAX_VALUES

    def copy(value: Any) -> Json:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"more than {MAX_VALUES:,} values in one")
        match _present(value):
            case None | bool() | str():
                return value
            case int() | float():
                return _in_range(value)
            case Mapping():
                return {_present_key(key): copy(item) for key, item in value.items()}
            case list() | tuple():
                return [copy(item) for item in value]
        raise ValueError(f"a {type(value).__name__} is not a JSON value")

    return copy(value)


def _present_key(key: Any) -> str:
    if not isinstance(_present(key), str):
        raise TypeError(f"a key must be text, this is {kind_of(key)}")
    return str(key)


ENVIRONMENT = Environment()

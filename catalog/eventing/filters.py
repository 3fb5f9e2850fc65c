"""Filters: whether an event is one that a dispatcher wants. Pure.

A filter is an object. A field of it that is an object asks the same of that field of the value; one that is a list
names what the field may be (`["pro", "team"]`, where `[]` lets anything pass), or what must hold of it, all of it
(`[{"$gt": 5}, {"$lt": 10}]`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_DEPTH = 50
"""Objects inside objects; a filter that goes deeper matches nothing."""

MAX_TERMS = 1000
"""Fields, operators and operands of a filter; a long text counts for more."""

MAX_STEPS = 200_000
"""Comparisons of one filter with one value, about a tenth of a second. Both come from strangers, and the work is their
product.
"""

_MISSING: Final = object()
"""What a field is that is not there."""


class InvalidFilter(ValueError):
    """The filter has a shape that no filter has, or asks for too much; the text says where."""


class Bound:
    """What may still be spent; who comes later gets what is left."""

    def __init__(self, most: int, beyond: str) -> None:
        self.spent = 0
        self._most = most
        self._beyond = beyond

    def spend(self, count: int) -> None:
        """Raises: InvalidFilter where it is too much."""
        self.spent += count
        if self.spent > self._most:
            raise InvalidFilter(self._beyond)


def check_filter(filter: Any) -> None:
    """Check the shape of a filter; None is none, and lets everything pass. Raises: InvalidFilter."""
    if filter is not None:
        _check_object(filter, (), Bound(MAX_TERMS, f"a filter holds at most {MAX_TERMS} fields and operands"))


def matches(filter: Any, value: Any, of_all: Bound | None = None) -> bool:
    """Say whether a value passes a filter. `of_all` bounds the work of many filters together. Raises: InvalidFilter,
    also where that would be too much work.
    """
    check_filter(filter)
    steps = Bound(MAX_STEPS, f"to compare it with this value takes more than {MAX_STEPS} steps")
    try:
        return filter is None or _passes(filter, value, steps)
    finally:
        if of_all is not None:
            of_all.spend(steps.spent)


def _passes(filter: Mapping[str, Any], value: Any, steps: Bound) -> bool:
    steps.spend(1)
    if value is None or value is _MISSING:
        return not filter
    return all(_field_passes(wanted, _field(value, name), steps) for name, wanted in filter.items())


def _field(value: Any, name: str) -> Any:
    return value.get(name, _MISSING) if isinstance(value, dict) else _MISSING


def _field_passes(wanted: Any, value: Any, steps: Bound) -> bool:
    steps.spend(1)
    if isinstance(wanted, dict):
        if isinstance(value, list):
            return any(_passes(wanted, item, steps) for item in value)
        return _passes(wanted, value, steps)
    if not wanted:
        return True
    if isinstance(wanted[0], dict):
        return all(_holds(name, value, operand, steps) for each in wanted for name, operand in each.items())
    steps.spend(len(wanted))
    return any(_same(value, one) for one in wanted)


def _holds(name: str, value: Any, operand: Any, steps: Bound) -> bool:
    # Of two lists one is looked through at most: no operator compares each with each.
    steps.spend(1 + sum(len(each) for each in (value, operand) if isinstance(each, list)))
    return OPERATORS[name].holds(value, operand)


# --- operators ---


class Operator:
    """What an operator asks of a value, and which operands it takes."""

    def __init__(self, takes: str, accepts: Callable[[Any], bool], holds: Callable[[Any, Any], bool]) -> None:
        self.takes = takes
        self.accepts = accepts
        self.holds = holds


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool)) or _is_number(value)


def _same(one: Any, other: Any) -> bool:
    """Say whether two scalars are the same in JSON, where `true` is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and _is_scalar(one) and bool(one == other)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _same_folded(value: str, operand: str) -> bool:
    # No text is more than 18 times as long as another that it equals: NFC and casefold make 3 of 1 each, or 1 of 2.
    return len(value) <= 18 * len(operand) and _folded(value) == _folded(operand)


def _on_text(holds: Callable[[str, str], bool]) -> Operator:
    return Operator(
        "a text",
        lambda operand: isinstance(operand, str),
        lambda value, operand: isinstance(value, str) and holds(value, operand),
    )


def _on_number(holds: Callable[[Any, Any], bool]) -> Operator:
    return Operator("a number", _is_number, lambda value, operand: _is_number(value) and holds(value, operand))


def _is_flag(operand: Any) -> bool:
    return isinstance(operand, bool)


def _is_range(operand: Any) -> bool:
    return isinstance(operand, list) and len(operand) == 2 and all(_is_number(end) for end in operand)


def _is_scalar_or_scalars(operand: Any) -> bool:
    return _is_scalar(operand) or (isinstance(operand, list) and all(_is_scalar(each) for each in operand))


def _is_none_of(value: Any, operand: Any) -> bool:
    return not any(_same(value, each) for each in (operand if isinstance(operand, list) else [operand]))


def _includes(value: Any, operand: Any) -> bool:
    return isinstance(value, list) and any(_same(each, operand) for each in value)


OPERATORS: Final[Mapping[str, Operator]] = {
    "$startsWith": _on_text(str.startswith),
    "$endsWith": _on_text(str.endswith),
    "$ignoreCaseEquals": _on_text(_same_folded),
    "$gt": _on_number(lambda value, operand: value > operand),
    "$gte": _on_number(lambda value, operand: value >= operand),
    "$lt": _on_number(lambda value, operand: value < operand),
    "$lte": _on_number(lambda value, operand: value <= operand),
    "$between": Operator(
        "two numbers",
        _is_range,
        lambda value, operand: _is_number(value) and operand[0] <= value <= operand[1],
    ),
    "$exists": Operator("true or false", _is_flag, lambda value, operand: (value is not _MISSING) == operand),
    "$isNull": Operator("true or false", _is_flag, lambda value, operand: (value is None) == operand),
    "$anythingBut": Operator("a scalar or a list of scalars", _is_scalar_or_scalars, _is_none_of),
    "$includes": Operator("a scalar", _is_scalar, _includes),
    "$not": Operator(
        "a scalar",
        _is_scalar,
        lambda value, operand: not _same(value, operand) and not _includes(value, operand),
    ),
}
"""Each says what it takes. A value of another type than the operator is for does not pass."""


# --- the shape ---


def _check_object(filter: Any, path: tuple[str, ...], terms: Bound) -> None:
    if not isinstance(filter, dict):
        raise _invalid(path, "must be an object")
    if len(path) >= MAX_DEPTH:
        raise InvalidFilter(f"a filter is at most {MAX_DEPTH} objects deep")
    for name, wanted in filter.items():
        terms.spend(1)
        if isinstance(wanted, dict):
            _check_object(wanted, (*path, name), terms)
        else:
            _check_list(wanted, (*path, name), terms)


def _check_list(wanted: Any, path: tuple[str, ...], terms: Bound) -> None:
    if not isinstance(wanted, list):
        raise _invalid(path, "must be a list or an object")
    _spend_on(wanted, terms)
    if all(_is_scalar(each) for each in wanted):
        return
    for each in wanted:
        if not isinstance(each, dict) or not each:
            raise _invalid(path, "must list texts, numbers and booleans, or operators alone")
        for name, operand in each.items():
            _spend_on(operand if isinstance(operand, list) else [operand], terms)
            _check_operator(name, operand, path)


def _spend_on(operands: list[Any], terms: Bound) -> None:
    terms.spend(len(operands))
    terms.spend(sum(len(each) // 1000 for each in operands if isinstance(each, str)))


def _check_operator(name: str, operand: Any, path: tuple[str, ...]) -> None:
    operator = OPERATORS.get(name)
    if operator is None:
        raise _invalid(path, f"has no operator {name[:50]!r}; there are {', '.join(OPERATORS)}")
    if not operator.accepts(operand):
        raise _invalid(path, f"must give {name} {operator.takes}")


def _invalid(path: tuple[str, ...], problem: str) -> InvalidFilter:
    place = ".".join(path)[:200]
    return InvalidFilter(f"{place!r} {problem}" if path else f"a filter {problem}")

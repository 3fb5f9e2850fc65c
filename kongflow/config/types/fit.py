"""Fitting: whether a value is of a kind that is wanted, and what is said where it may not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Known, keys_of, read
from kongflow.config.types.signatures import PRINTED, Kinds
from kongflow.config.types.type import ANYTHING, NULL, Kind, Member, Presence, Scalar, Type, either, kind_of, members
from kongflow.config.types.words import fallback, in_words, kinds_in_words
from kongflow.core.syntax import Filter, Key, Name, Node, path_of


@dataclass(frozen=True, slots=True)
class Want:
    """What a value must be, and how a finding puts it. `mark`: where it stands; None: at the value."""

    slug: str
    kinds: Kinds
    message: Callable[[str, bool], str]
    """From what the value is (`a list`) and whether it is so in any case."""
    help: str = ""
    mark: tuple[int, int] | None = None


class Infers(Protocol):
    """Who knows the types of nodes, and takes problems; see `infer.py`."""

    def report(self, problem: Problem | None) -> None:
        """Keep a problem."""
        ...

    def present(self, node: Node, known: Known) -> Type:
        """Return the type of a value that must be there."""
        ...

    def expect(self, node: Node, known: Known, want: Want) -> Type:
        """Return the type of a value that must be there, and of a kind."""
        ...


def wants(slug: str, who: str, kinds: Kinds, help: str = "", mark: tuple[int, int] | None = None) -> Want:
    """Return what somebody wants: `'round' wants a number, this is text`."""

    def message(what: str, sure: bool) -> str:
        return f"{who} wants {kinds_in_words(kinds)}, this {'is' if sure else 'may be'} {what}"

    return Want(slug, kinds, message, help, mark)


def printed(into: str) -> Want:
    """Return what is wanted of a value that is printed."""
    return Want(
        "template-renders-object",
        PRINTED,
        lambda what, sure: f"{what} {'would' if sure else 'may'} be printed into {into}",
    )


def name_of(node: Node) -> str:
    """Return how a message names a value: by its last key."""
    if isinstance(node, Key) and isinstance(node.key, str):
        return repr(node.key)
    return repr(node.name) if isinstance(node, Name) else "this"


def fit(node: Node, type_: Type, want: Want) -> tuple[Type, Problem | None]:
    """Return what is left of a type once it fits, and what is wrong where it does not."""
    known = members(type_)
    if known is None:
        return type_, None
    wrong = [one for one in known if kind_of(one) not in want.kinds]
    if not wrong:
        return type_, None
    right = [one for one in known if one not in wrong]
    others = [one for one in wrong if one != NULL]
    problem = (
        _nullable(node, type_) if not others and right else _unfit(node, type_, (others or wrong)[0], not right, want)
    )
    return (either(right) if right else ANYTHING), problem


def _nullable(node: Node, type_: Type) -> Problem:
    start, end = node.mark
    path = path_of(node)
    if isinstance(node, Filter) and node.name == "default":
        advice = "write default(…, true): null is no missing value"
    elif path:
        advice = f"use << {'.'.join(path)} | default({fallback(type_)}, true) >>, or drop null from the schema"
    else:
        advice = f"use | default({fallback(type_)}, true)"
    return Problem("template-nullable", start, end, f"{name_of(node)} may be null", advice)


def _unfit(node: Node, type_: Type, wrong: Member, sure: bool, want: Want) -> Problem:
    start, end = want.mark or node.mark
    return Problem(want.slug, start, end, want.message(in_words(wrong), sure), want.help or _way_out(node, type_, want))


def _way_out(node: Node, type_: Type, want: Want) -> str:
    """Say what may be meant: a field of an object that would fit, a number of a list, a text's number."""
    known = members(type_) or ()
    kinds = {kind_of(one) for one in known}
    path = path_of(node)
    if kinds == {Kind.OBJECT} and path:
        for key in keys_of(type_):
            reading = read(type_, key)
            inner = members(reading.type)
            if reading.presences == {Presence.ALWAYS} and inner and all(kind_of(one) in want.kinds for one in inner):
                return f"use << {'.'.join((*path, key))} >>"
    if kinds == {Kind.LIST} and want.kinds == PRINTED:
        return "use | join(',') or | length, or print one item"
    if kinds == {Kind.TEXT} and Kind.INTEGER in want.kinds:
        return "convert it with | int"
    if kinds <= {Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN} and want.kinds == {Kind.TEXT}:
        return "convert it with | string"
    return ""


def groups(type_: Type) -> set[str]:
    """Return the kinds of a type as an operator tells them apart: every number is one."""
    known = members(type_) or ()
    numbers = {Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN}
    return {"number" if kind_of(one) in numbers else str(kind_of(one)) for one in known}


def is_integral(type_: Type) -> bool:
    """Say whether a type is of integers only."""
    known = members(type_)
    return known is not None and all(isinstance(one, Scalar) and one.kind is Kind.INTEGER for one in known)

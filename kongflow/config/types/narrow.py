"""Narrowing: what is known where a condition holds, or does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from kongflow.config.types.reading import Known, Scope, is_always_there, read, type_at
from kongflow.config.types.signatures import KINDS_OF_TESTS
from kongflow.config.types.type import (
    ANYTHING,
    INTEGER,
    NULL,
    Anything,
    Kind,
    Member,
    ObjectOf,
    Presence,
    Scalar,
    Type,
    Union,
    both,
    either,
    kind_of,
    literals,
    members,
    overlaps,
)
from kongflow.core import syntax
from kongflow.core.json import Json
from kongflow.core.syntax import Node, Path, path_of

_Judge: TypeAlias = Callable[[Member], bool]
_Keep: TypeAlias = Callable[[Member], Member | None]


def narrowed(node: Node, truth: bool, scope: Scope, known: Known) -> Known:
    """Return what is known where a condition is true, or where it is false."""
    match node:
        case syntax.Not():
            return narrowed(node.operands[0], not truth, scope, known)
        case syntax.And() | syntax.Or():
            if isinstance(node, syntax.And) is truth:  # both hold
                left = narrowed(node.operands[0], truth, scope, known)
                return narrowed(node.operands[1], truth, scope, left)
            return _where_either_holds(node, scope, known) if truth else known
        case syntax.Test():
            return _by_test(node, truth, scope, known)
        case syntax.Compare(operators=(operator,)):
            return _by_comparison(node, operator, truth, scope, known)
    path = path_of(node)
    return _refined(path, truthy(type_at(path, scope, known)) or ANYTHING, scope, known) if path and truth else known


def _where_either_holds(node: syntax.And | syntax.Or, scope: Scope, known: Known) -> Known:
    left, right = node.operands
    one = narrowed(left, True, scope, known)
    other = narrowed(right, True, scope, narrowed(left, False, scope, known))
    return {path: either((one[path], other[path])) for path in one if path in other}


def _by_test(node: syntax.Test, truth: bool, scope: Scope, known: Known) -> Known:
    path = path_of(node.subject)
    if path is None:
        return known
    current = type_at(path, scope, known)
    if node.name in ("defined", "undefined"):
        is_there = (node.name == "defined") is truth
        return _refined(path, current, scope, known) if is_there else _without_key(path, scope, known)
    kinds = KINDS_OF_TESTS.get(node.name)
    if kinds is None:
        return known
    if not truth:
        return _refined(path, _without(current, lambda one: kind_of(one) in kinds), scope, known)
    if node.name == "integer":
        return _refined(path, both(current, INTEGER), scope, known)
    if isinstance(current, Anything):
        return _refined(path, ANYTHING if node.name != "none" else NULL, scope, known)
    return _refined(path, _without(current, lambda one: kind_of(one) not in kinds), scope, known)


def _by_comparison(node: syntax.Compare, operator: str, truth: bool, scope: Scope, known: Known) -> Known:
    left, right = node.operands
    if operator in ("==", "!=") and isinstance(left, syntax.Const):
        left, right = right, left
    if operator in ("in", "notin") and isinstance(left, syntax.Const) and isinstance(left.value, str):
        return _by_key(left.value, path_of(right), (operator == "in") is truth, scope, known)
    path, values = path_of(left), _values(right, operator)
    if path is None or values is None:
        return known
    current = type_at(path, scope, known)
    if (operator in ("==", "in")) is truth:
        return _refined(path, both(current, literals(values)), scope, known)
    return _refined(path, _minus(current, values), scope, known)


def _by_key(key: str, path: Path | None, is_there: bool, scope: Scope, known: Known) -> Known:
    """Return what is known once an object has a key or has it not; in a text or a list it would be something else."""
    holders = members(type_at(path, scope, known)) if path else None
    if path is None or holders is None or not all(isinstance(one, ObjectOf) for one in holders):
        return known
    below = (*path, key)
    if is_there:
        return _refined(below, type_at(below, scope, known), scope, known)
    return _without_key(below, scope, known)


def where_missing(path: Path | None, scope: Scope, known: Known) -> Known:
    """Return what is known where the value at a path is not there."""
    return known if path is None else _without_key(path, scope, known)


def _values(node: Node, operator: str) -> list[Json] | None:
    """Return the values that a comparison compares with, where they are written out."""
    nodes: tuple[Node, ...] = ()
    if operator in ("==", "!="):
        nodes = (node,)
    elif operator in ("in", "notin") and isinstance(node, syntax.ListOf):
        nodes = node.operands
    values = [node.value for node in nodes if isinstance(node, syntax.Const)]
    return values if values and len(values) == len(nodes) else None


def _refined(path: Path, type_: Type, scope: Scope, known: Known) -> Known:
    """Return what is known once a value is there and of a type: of a union that it is read from, only the members that
    can have it are left.
    """
    known = {**known, path: type_}
    if len(path) == 1:
        return known
    holder = type_at(path[:-1], scope, known)
    if isinstance(holder, Anything):
        return _refined(path[:-1], holder, scope, known)
    holders = holder.members if isinstance(holder, Union) else (holder,)
    left = [one for one in holders if isinstance(one, ObjectOf) and _can_have(one, path[-1], type_)]
    return _refined(path[:-1], either(left) if left else ANYTHING, scope, known)


def _without_key(path: Path, scope: Scope, known: Known) -> Known:
    """Return what is known once a value is not there: it is read from a member of a union that does not require it."""
    holder = path[:-1]
    if not holder or not (holder in known or is_always_there(holder, scope)):
        return known  # the holder may be missing itself
    type_ = type_at(holder, scope, known)
    return _refined(
        holder, _without(type_, lambda one: members(one) is not None and read(one, path[-1]).is_always), scope, known
    )


def _can_have(member: ObjectOf, key: str, type_: Type) -> bool:
    return Presence.NEVER not in read(member, key).presences and overlaps(read(member, key).type, type_)


def without_null(type_: Type) -> Type:
    """Return what is left of a type where the value is not null."""
    return _kept(type_, lambda one: None if one == NULL else one)


def truthy(type_: Type) -> Type | None:
    """Return what is left of a type where the value counts as true; None for nothing."""
    return _left(type_, _truthy_member)


def falsy(type_: Type) -> Type | None:
    """Return what is left of a type where the value counts as false; None for nothing."""
    return _left(type_, _falsy_member)


def _truthy_member(one: Member) -> Member | None:
    if one == NULL:
        return None
    if isinstance(one, Scalar) and one.kind is Kind.BOOLEAN:
        return Scalar(Kind.BOOLEAN, frozenset({True})) if one.values is None or True in one.values else None
    if isinstance(one, Scalar) and one.values is not None:
        values = frozenset(filter(None, one.values))
        return Scalar(one.kind, values) if values else None
    return one


_FALSY: dict[Kind, Json] = {Kind.BOOLEAN: False, Kind.INTEGER: 0, Kind.NUMBER: 0, Kind.TEXT: ""}


def _falsy_member(one: Member) -> Member | None:
    if not isinstance(one, Scalar) or one == NULL:
        return one
    value = _FALSY[one.kind]
    return Scalar(one.kind, frozenset({value})) if one.values is None or value in one.values else None


def _minus(type_: Type, values: list[Json]) -> Type:
    """Return a type without some values."""

    def left(one: Member) -> Member | None:
        if one == NULL:
            return None if None in values else one
        if not isinstance(one, Scalar):
            return one
        there = frozenset({True, False}) if one.kind is Kind.BOOLEAN and one.values is None else one.values
        if there is None:
            return one
        rest = frozenset(value for value in there if not _is_among(value, values))
        return Scalar(one.kind, rest) if rest else None

    return _kept(type_, left)


def _is_among(value: Json, values: Iterable[Json]) -> bool:
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values)


def _without(type_: Type, is_out: _Judge) -> Type:
    return _kept(type_, lambda one: None if is_out(one) else one)


def _kept(type_: Type, keep: _Keep) -> Type:
    """Return what is left of a type. Where nothing is, no value ever comes here: it may be anything."""
    return _left(type_, keep) or ANYTHING


def _left(type_: Type, keep: _Keep) -> Type | None:
    """Return a type of what is kept of its members; None for nothing."""
    if isinstance(type_, Anything):
        return type_
    every = type_.members if isinstance(type_, Union) else (type_,)
    left = [kept for kept in map(keep, every) if kept is not None]
    return either(left) if left else None

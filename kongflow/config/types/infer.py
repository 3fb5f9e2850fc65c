"""Inference: the type of an expression, and every problem on the way to it. It mirrors what `core/jinja.py` runs."""

from __future__ import annotations

from kongflow.config.types import access, operators
from kongflow.config.types.access import Value
from kongflow.config.types.conditions import judge
from kongflow.config.types.fit import Want, fit, groups, wants
from kongflow.config.types.narrow import falsy, narrowed, truthy, where_missing, without_null
from kongflow.config.types.problem import Problem
from kongflow.config.types.reading import Known, Scope, is_always_there
from kongflow.config.types.signatures import (
    ANY_KIND,
    FILTERS,
    KINDS_OF_TESTS,
    OF_INTEGER,
    OF_LIST,
    OF_TEXT,
    PRINTED,
    SORTED,
    TESTS,
    Kinds,
    Signature,
)
from kongflow.config.types.type import (
    ANY_OBJECT,
    ANYTHING,
    BOOLEAN,
    TEXT,
    Kind,
    Later,
    ListOf,
    Type,
    either,
    items_of,
    kind_of,
    literal,
    members,
    object_of,
)
from kongflow.config.types.words import kinds_in_words
from kongflow.core import syntax
from kongflow.core.syntax import Node, path_of

NOTHING: Known = {}
"""What is known where no condition holds."""


class Inference:
    """One expression, or several of one template. Each problem is kept once, however often it is met."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.problems: dict[tuple[str, int, int], Problem] = {}
        self._is_quiet = False
        # Nodes are asked for more than once. What is known is told apart by its identity, so it is kept as well.
        self._values: dict[tuple[int, int, bool], tuple[Value, Known]] = {}
        self._narrowed: dict[tuple[int, bool, int], tuple[Known, Known]] = {}

    def report(self, problem: Problem | None) -> None:
        """Keep a problem; one that is not hedged stands for one that is."""
        if problem is not None and not self._is_quiet:
            key = (problem.slug, problem.start, problem.end)
            if key not in self.problems or not problem.hedged:
                self.problems[key] = problem

    # --- what is asked of a value ---

    def present(self, node: Node, known: Known) -> Type:
        """Return the type of a value that must be there."""
        value = self.infer(node, known)
        if value.missing is None or self._is_quiet:
            return value.type
        self.report(access.guarded(value, node))
        return value.type

    def used(self, node: Node, known: Known) -> Type:
        """Return the type of a value that is worked on. Of one that may be missing it is not said that it may be null:
        one finding for one cause, and its help knows of null.
        """
        type_ = self.present(node, known)
        return type_ if self._is_quiet or self.infer(node, known).missing is None else without_null(type_)

    def expect(self, node: Node, known: Known, want: Want) -> Type:
        """Return the type of a value that must be there, and of a kind; of a choice, each of its branches."""
        if isinstance(node, syntax.Choice):
            test, then, otherwise = node.operands
            self._test(test, known)
            return either(
                (
                    self.expect(then, self._where(test, True, known), want),
                    self.expect(otherwise, self._where(test, False, known), want),
                )
            )
        left, problem = fit(node, self.used(node, known), want)
        self.report(problem)
        return left

    def _test(self, node: Node, known: Known) -> None:
        """Look at a condition, part by part."""
        match node:
            case syntax.Not(operands=(syntax.Test(start=start) as operand,)) if start == node.start:
                self._judge(operand, known, negated=True)  # `is not` is one word
            case syntax.Not(operands=(operand,)):
                self._test(operand, known)
            case syntax.And(operands=(left, right)) | syntax.Or(operands=(left, right)):
                self._test(left, known)
                self._test(right, self._where(left, isinstance(node, syntax.And), known))
            case _:
                self._judge(node, known)

    def _judge(self, node: Node, known: Known, *, negated: bool = False) -> None:
        type_ = self.present(node, known)
        if not self._is_quiet:
            declared = self._declared(node) if known else type_
            self.report(judge(node, type_, declared, self.scope, negated=negated))

    def _declared(self, node: Node) -> Type:
        """Return the type of a condition by the schema alone: what another condition has shown makes it no constant."""
        self._is_quiet = True
        try:
            return self.infer(node, NOTHING).type
        finally:
            self._is_quiet = False

    # --- nodes ---

    def infer(self, node: Node, known: Known) -> Value:
        """Return what is known of a value, which may be missing."""
        key = id(node), id(known), self._is_quiet
        if key not in self._values:
            self._values[key] = self._inferred(node, known), known
        return self._values[key][0]

    def _where(self, node: Node, truth: bool, known: Known) -> Known:
        """Return what is known where a condition is true, or where it is false."""
        key = id(node), truth, id(known)
        if key not in self._narrowed:
            self._narrowed[key] = narrowed(node, truth, self.scope, known), known
        return self._narrowed[key][0]

    def _inferred(self, node: Node, known: Known) -> Value:
        match node:
            case syntax.Const():
                return Value(literal(node.value))
            case syntax.Name():
                return self._name(node, known)
            case syntax.Key():
                return self._key(node, known)
            case syntax.Index():
                self.present(node.index, known)
                subject = self.infer(node.subject, known)
                return Value(access.item_at(subject.type), subject.missing)
            case syntax.Filter(name="default"):
                return self._default(node, known)
            case syntax.And() | syntax.Or():
                return self._logic(node, known)
            case syntax.Choice(operands=(test, then, otherwise)):
                self._test(test, known)
                one = self.infer(then, self._where(test, True, known))
                other = self.infer(otherwise, self._where(test, False, known))
                return Value(either((one.type, other.type)), one.missing or other.missing)
        return Value(self._computed(node, known))

    def _computed(self, node: Node, known: Known) -> Type:
        """Return the type of what is never missing: it is made here."""
        match node:
            case syntax.Filter():
                return self._called(node, FILTERS[node.name], known, "template-filter-args")
            case syntax.Test():
                return self._asked(node, known)
            case syntax.Not(operands=(operand,)):
                self._test(operand, known)
                return BOOLEAN
            case syntax.Concat():
                for operand in node.operands:
                    self.expect(operand, known, wants("template-type", "'~'", PRINTED))
                return TEXT
            case syntax.Arithmetic():
                return operators.arithmetic(self, node, known)
            case syntax.Compare():
                return operators.comparison(self, node, known)
        return self._made(node, known)

    def _made(self, node: Node, known: Known) -> Type:
        """Return the type of a part of a value, or of a list or an object that the expression makes."""
        match node:
            case syntax.Slice():
                return self._slice(node, known)
            case syntax.ListOf():
                items = [self.present(operand, known) for operand in node.operands]
                return ListOf(Later.of(either(items) if items else ANYTHING), tuple(map(Later.of, items)))
            case syntax.ObjectOf():
                return self._object(node, known)
        raise AssertionError(f"{type(node).__name__} is not part of the language")

    def _name(self, node: syntax.Name, known: Known) -> Value:
        if node.name not in self.scope:
            self.report(access.unknown_name(node, self.scope))
            return Value(ANYTHING)
        return Value(known.get((node.name,), self.scope[node.name]))

    def _key(self, node: syntax.Key, known: Known) -> Value:
        path = path_of(node)
        if path is not None and path in known:
            return Value(known[path])
        value, problem = access.key(node, self.infer(node.subject, known))
        self.report(problem)
        return value

    def _default(self, node: syntax.Filter, known: Known) -> Value:
        subject = self.infer(node.subject, known)
        given = dict(zip(("fallback", "empty_too"), node.arguments, strict=False)) | dict(node.options)
        empty_too = given.get("empty_too", syntax.Const(node.start, node.end, False))
        self.present(empty_too, known)
        is_only_for_missing = isinstance(empty_too, syntax.Const) and not empty_too.value
        path = path_of(node.subject)
        where = where_missing(path, self.scope, known) if is_only_for_missing else known
        fallback = self.infer(given["fallback"], where) if "fallback" in given else Value(literal(""))
        if not isinstance(empty_too, syntax.Const):
            return Value(ANYTHING, fallback.missing)
        if is_only_for_missing and path is not None and (path in known or is_always_there(path, self.scope)):
            return Value(subject.type)
        if is_only_for_missing:
            return Value(either((subject.type, fallback.type)), fallback.missing)
        left = truthy(subject.type)
        return Value(fallback.type if left is None else either((left, fallback.type)), fallback.missing)

    def _logic(self, node: syntax.And | syntax.Or, known: Known) -> Value:
        """`a or b` is a where that counts as true, else b; so both may be what it gives."""
        left, right = node.operands
        is_and = isinstance(node, syntax.And)
        self._test(left, known)
        first = self.used(left, known)
        second = self.infer(right, self._where(left, is_and, known))
        rest = falsy(first) if is_and else truthy(first)
        return Value(second.type if rest is None else either((rest, second.type)), second.missing)

    def _called(self, node: syntax.Call, signature: Signature, known: Known, slug: str) -> Type:
        who = repr(node.name)
        subject = self.expect(node.subject, known, wants(slug, who, signature.subject, mark=node.word))
        for index, argument in enumerate(node.arguments):
            self.expect(argument, known, wants(slug, who, signature.parameter(index)))
        for name, argument in node.options:
            self.expect(argument, known, wants(slug, f"{who} as {name}", signature.option(name)))
        if signature.items != ANY_KIND:
            self._items(node, subject, _wanted_items(node, slug, signature.items))
        if signature.bare is not None and not node.arguments and not node.options:
            return signature.bare
        return signature.gives(subject)

    def _items(self, node: syntax.Call, subject: Type, want: Want) -> None:
        for member in members(subject) or ():
            if isinstance(member, ListOf):
                items, problem = fit(node, items_of(member), want)
                if problem is not None and problem.slug == "template-nullable":
                    message = "an item of the list may be null"
                    problem = Problem(problem.slug, *node.word, message, "drop null from the schema")
                elif problem is None and want.kinds == SORTED and len(groups(items)) > 1:
                    message = f"{node.name!r} wants numbers or texts, not both in one list"
                    problem = Problem(want.slug, *node.word, message)
                self.report(problem)

    def _asked(self, node: syntax.Test, known: Known) -> Type:
        if node.name in ("defined", "undefined"):
            self.infer(node.subject, known)
            path = path_of(node.subject)
            if path is None or path in known or len(path) == 1 or not is_always_there(path, self.scope):
                return BOOLEAN
            return literal(node.name == "defined")
        subject = self._called_subject(node, known)
        kinds, types = KINDS_OF_TESTS.get(node.name), members(subject)
        if kinds is None or types is None:
            return BOOLEAN
        if all(kind_of(one) in kinds for one in types):
            return literal(True)
        never = all(kind_of(one) not in kinds for one in types)
        maybe_integral = node.name == "integer" and any(kind_of(one) is Kind.NUMBER for one in types)
        return literal(False) if never and not maybe_integral else BOOLEAN

    def _called_subject(self, node: syntax.Test, known: Known) -> Type:
        subject = self.present(node.subject, known)
        self._called(node, TESTS[node.name], known, "template-filter-args")
        return subject

    def _slice(self, node: syntax.Slice, known: Known) -> Type:
        for bound in node.bounds:
            self.expect(bound, known, wants("template-type", "a bound of [:]", OF_INTEGER | {Kind.NULL}))
        subject = self.expect(node.subject, known, wants("template-type", "[:]", OF_TEXT | OF_LIST))
        types = members(subject)
        if types is None:
            return ANYTHING
        return either(ListOf(Later.of(items_of(one))) if isinstance(one, ListOf) else TEXT for one in types)

    def _object(self, node: syntax.ObjectOf, known: Known) -> Type:
        keys, values = node.operands[::2], node.operands[1::2]
        for key in keys:
            self.expect(key, known, wants("template-type", "a key", OF_TEXT))
        types = [self.present(value, known) for value in values]
        names = [key.value for key in keys if isinstance(key, syntax.Const) and isinstance(key.value, str)]
        return object_of(dict(zip(names, types, strict=True))) if len(names) == len(types) else ANY_OBJECT


def _wanted_items(node: syntax.Call, slug: str, kinds: Kinds) -> Want:
    wanted = f"{node.name!r} wants a list whose items are {kinds_in_words(kinds)}"
    return Want(
        slug, kinds, lambda what, sure: f"{wanted}, here one {'is' if sure else 'may be'} {what}", mark=node.word
    )

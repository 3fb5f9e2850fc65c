"""From Jinja's tree to ours. Jinja's nodes know where they begin at best; where they end is found in the tokens.

What `sandbox.py` lets Jinja read has the offset of a token in the place of its line number, and so have the nodes.
"""

from __future__ import annotations

from typing import TypeAlias

from jinja2 import nodes

from kongflow.core import syntax

Token: TypeAlias = tuple[int, str, str]
"""Offset, type, text."""

_OPERATORS: dict[type[nodes.Expr], str] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
    nodes.Pow: "**",
    nodes.Neg: "-",
    nodes.Pos: "+",
}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}


def converted(tree: nodes.Expr, tokens: list[Token]) -> syntax.Node:
    """Return our tree of an expression that is within the language; `tokens` are those it was read from."""
    return _Reader(tokens).read(tree)


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = [token for token in tokens if token[1] != "whitespace"]
        self._numbers = {offset: number for number, (offset, _, _) in enumerate(self._tokens)}
        self._closing = _closing_brackets(self._tokens)

    def read(self, node: nodes.Expr) -> syntax.Node:
        match node:
            case nodes.Const():
                return syntax.Const(node.lineno, self._end_of_const(node.lineno), node.value)
            case nodes.Name():
                return syntax.Name(node.lineno, node.lineno + len(node.name), node.name)
            case nodes.Getattr() | nodes.Getitem():
                return self._subscript(node)
            case nodes.Filter() | nodes.Test():
                return self._call(node)
            case nodes.BinExpr() | nodes.UnaryExpr() | nodes.Compare():
                return self._operation(node)
        return self._several(node)

    def _several(self, node: nodes.Expr) -> syntax.Node:
        """Read what has any number of parts."""
        match node:
            case nodes.Concat():
                parts = tuple(map(self.read, node.nodes))
                return syntax.Concat(parts[0].start, parts[-1].end, parts)
            case nodes.CondExpr(expr2=nodes.Expr() as otherwise):
                parts = self.read(node.test), self.read(node.expr1), self.read(otherwise)
                return syntax.Choice(parts[1].start, parts[2].end, parts)
            case nodes.List() | nodes.Tuple():
                return self._list(node)
            case nodes.Dict():
                parts = tuple(self.read(part) for pair in node.items for part in (pair.key, pair.value))
                return syntax.ObjectOf(node.lineno, self._closing[node.lineno], parts)
        raise AssertionError(f"{type(node).__name__} is not part of the language")

    def _end_of_const(self, offset: int) -> int:
        number = self._numbers[offset]
        if self._tokens[number][1] == "string":  # two texts side by side are one
            while number + 1 < len(self._tokens) and self._tokens[number + 1][1] == "string":
                number += 1
        return self._end(number)

    def _end(self, number: int) -> int:
        offset, _, text = self._tokens[number]
        return offset + len(text)

    def _subscript(self, node: nodes.Getattr | nodes.Getitem) -> syntax.Node:
        subject, opening = self.read(node.node), node.lineno
        number = self._numbers[opening]
        if self._tokens[number][2] == ".":
            key = node.attr if isinstance(node, nodes.Getattr) else _plain_key(node.arg)
            assert key is not None  # the parser lets a name or a number follow
            word = self._tokens[number + 1][0], self._end(number + 1)
            return syntax.Key(subject.start, word[1], subject, key, word)
        assert isinstance(node, nodes.Getitem)
        end = self._closing[opening]
        if isinstance(node.arg, nodes.Slice):
            bounds = tuple(self.read(bound) for bound in node.arg.iter_child_nodes() if isinstance(bound, nodes.Expr))
            return syntax.Slice(subject.start, end, subject, bounds)
        index, key = self.read(node.arg), _plain_key(node.arg)
        if key is None:
            return syntax.Index(subject.start, end, subject, index)
        return syntax.Key(subject.start, end, subject, key, index.mark)

    def _call(self, node: nodes.Filter | nodes.Test) -> syntax.Node:
        assert isinstance(node.node, nodes.Expr)
        subject = self.read(node.node)
        arguments = tuple(map(self.read, node.args))
        options = tuple((str(pair.key), self.read(pair.value)) for pair in node.kwargs)
        number = self._numbers[node.lineno]
        if isinstance(node, nodes.Test):
            number += 2 if self._tokens[number + 1][2] == "not" else 1
        end = self._end(number)
        if number + 1 < len(self._tokens) and self._tokens[number + 1][2] == "(":
            end = self._closing[self._tokens[number + 1][0]]
        elif arguments:
            end = arguments[0].end
        kind = syntax.Test if isinstance(node, nodes.Test) else syntax.Filter
        word = self._tokens[number][0], self._end(number)
        return kind(subject.start, end, subject, node.name, arguments, options, word)

    def _operation(self, node: nodes.BinExpr | nodes.UnaryExpr | nodes.Compare) -> syntax.Node:
        if isinstance(node, nodes.UnaryExpr):
            return self._unary(node)
        if isinstance(node, nodes.Compare):
            parts = tuple(map(self.read, (node.expr, *(operand.expr for operand in node.ops))))
            operators = tuple(_COMPARISONS.get(operand.op, operand.op) for operand in node.ops)
            return syntax.Compare(parts[0].start, parts[-1].end, parts, operators)
        parts = self.read(node.left), self.read(node.right)
        start, end = parts[0].start, parts[1].end
        if isinstance(node, nodes.And):
            return syntax.And(start, end, parts)
        if isinstance(node, nodes.Or):
            return syntax.Or(start, end, parts)
        return syntax.Arithmetic(start, end, parts, _OPERATORS[type(node)])

    def _unary(self, node: nodes.UnaryExpr) -> syntax.Node:
        operand = self.read(node.node)
        start = min(node.lineno, operand.start)  # of `is not`, Jinja has the place of `is`
        if isinstance(node, nodes.Not):
            return syntax.Not(start, operand.end, (operand,))
        return syntax.Arithmetic(start, operand.end, (operand,), _OPERATORS[type(node)])

    def _list(self, node: nodes.List | nodes.Tuple) -> syntax.Node:
        parts = tuple(map(self.read, node.items))
        if isinstance(node, nodes.List):
            return syntax.ListOf(node.lineno, self._closing[node.lineno], parts)
        start, end = (parts[0].start, parts[-1].end) if parts else (node.lineno, node.lineno + 1)
        return syntax.ListOf(start, end, parts)


def _plain_key(node: nodes.Expr) -> str | int | None:
    value = node.value if isinstance(node, nodes.Const) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _closing_brackets(tokens: list[Token]) -> dict[int, int]:
    """Return, for the offset of every opening bracket, where its closing one ends."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for offset, kind, text in tokens:
        if kind == "operator" and text in "([{":
            opened.append(offset)
        elif kind == "operator" and text in ")]}":
            found[opened.pop()] = offset + 1
    return found

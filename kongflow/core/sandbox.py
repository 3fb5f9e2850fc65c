"""Sandbox: the `<< … >>` that are more than a dotted name, read and run by Jinja within narrow bounds.

The syntax is an allow-list, without any call; what runs, runs in the environment of `jinja.py`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Template as CompiledTemplate
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import UndefinedError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from kongflow.core.expression import MAX_DEPTH, TemplateSyntaxProblem, missing
from kongflow.core.jinja import ENVIRONMENT, is_in_range, plain
from kongflow.core.jinja_tree import Token, converted
from kongflow.core.json import Json
from kongflow.core.spelling import did_you_mean
from kongflow.core.syntax import Node, paths
from kongflow.errors import TemplateError

_ALLOWED = (
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Concat,
    nodes.CondExpr,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
)


class SandboxedExpression:
    """One expression, read by Jinja when it is parsed and compiled by it when it is first evaluated."""

    __slots__ = ("_compiled", "_parsed", "source", "tree")

    def __init__(self, source: str, parsed: nodes.Expr, tree: Node) -> None:
        self.source = source
        self.tree = tree
        self._parsed = parsed
        self._compiled: CompiledTemplate | None = None

    @classmethod
    def parse(cls, text: str, offset: int) -> SandboxedExpression:
        """Parse what stands between the delimiters; `offset` is where it begins in the template.

        Raises: TemplateSyntaxProblem.
        """
        tokens = _tokens(text, offset)
        parsed = _parsed(tokens, offset + len(text))
        _check(parsed)
        return cls(text.strip(), parsed, converted(parsed, tokens))

    def evaluate(self, scope: Mapping[str, Json]) -> Json:
        """Return the value, of its own type. Raises: TemplateError."""
        try:
            value = plain(self._run(scope))
        except UndefinedError as error:
            raise TemplateError(f"<< {self.source} >>: {self._what_is_missing(str(error), scope)}") from None
        except (JinjaError, TemplateError, ValueError, TypeError, ArithmeticError, LookupError) as error:
            raise TemplateError(f"<< {self.source} >>: {error}") from None
        except RecursionError:
            raise TemplateError(f"<< {self.source} >>: nested too deeply") from None
        return value

    def _run(self, scope: Mapping[str, Json]) -> Any:
        if self._compiled is None:
            body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store", lineno=1), self._parsed, lineno=1)]
            tree = nodes.Template(body, lineno=1)
            tree.set_environment(ENVIRONMENT)
            self._compiled = ENVIRONMENT.from_string(tree)
        context = self._compiled.new_context(dict(scope))
        for _ in self._compiled.root_render_func(context):
            pass
        return context.vars["result"]

    def _what_is_missing(self, error: str, scope: Mapping[str, Json]) -> str:
        """Name the whole path, where a name of the expression explains the error; Jinja knows its last key only."""
        for path in paths(self.tree):
            value: Json = scope
            for key in path:
                if not isinstance(value, Mapping) or key not in value:
                    if key == error:
                        return missing(path, scope)
                    break
                value = value[key]
        return f"{error!r} is missing"


# --- reading ---------------------------------------------------------------------------------------------------------


def _tokens(text: str, offset: int) -> list[Token]:
    """Return the tokens with their offsets in the place where Jinja keeps line numbers: so its nodes and errors have
    them too. Jinja's own line numbers are of no use, it has no columns.
    """
    if "\r" in text:
        raise TemplateSyntaxProblem("a carriage return inside << >>", offset + text.index("\r"))
    tokens: list[Token] = []
    position = offset - len("<< ")
    try:
        # Blanks on both sides, so that `<<-` and `->>` do not become Jinja's whitespace control.
        for _, kind, value in ENVIRONMENT.lex(f"<< {text} >>"):
            if kind not in ("variable_begin", "variable_end"):
                tokens.append((position, kind, value))
            position += len(value)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxProblem(_in_our_words(error), min(max(position, offset), offset + len(text))) from None
    return tokens


def _parsed(tokens: list[Token], end: int) -> nodes.Expr:
    _refuse_deep_brackets(tokens)
    parser = Parser(ENVIRONMENT, "")
    try:
        parser.stream = TokenStream(ENVIRONMENT.lexer.wrap(tokens), None, None)
        tree = parser.parse_expression()
        rest = parser.stream.current
        if not rest.test("eof"):
            raise TemplateSyntaxProblem(f"{rest.value!r} is not expected here", rest.lineno)
    except TemplateSyntaxError as error:
        if parser.stream.eos:
            what = "complete" if any(kind != "whitespace" for _, kind, _ in tokens) else "there: << >> is empty"
            raise TemplateSyntaxProblem(f"the expression is not {what}", end) from None
        raise TemplateSyntaxProblem(_in_our_words(error), min(error.lineno, end)) from None
    except RecursionError:
        raise TemplateSyntaxProblem("the expression is nested too deeply", tokens[0][0]) from None
    return tree


def _refuse_deep_brackets(tokens: list[Token]) -> None:
    depth = 0
    for offset, kind, value in tokens:
        if kind == "operator":
            depth += (value in "([{") - (value in ")]}")
        if depth > MAX_DEPTH:
            raise TemplateSyntaxProblem(f"brackets nested deeper than {MAX_DEPTH} levels", offset)


def _in_our_words(error: TemplateSyntaxError) -> str:
    message = (error.message or "this is not an expression").split(" at ")[0]
    # Where a bracket is open, `>>` is no end to Jinja but two operators.
    return "a bracket is not closed" if message == "unexpected '>'" else message.replace("expected token ", "expected ")


def _check(tree: nodes.Expr) -> None:
    """Refuse what the language does not have."""
    pending: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise TemplateSyntaxProblem(f"the expression is nested deeper than {MAX_DEPTH} levels", node.lineno)
        _check_node(node)
        pending.extend((child, depth + 1) for child in node.iter_child_nodes())


def _check_node(node: nodes.Node) -> None:
    match node:
        case nodes.Filter():
            _check_call("filter", node, ENVIRONMENT.filters)
        case nodes.Test():
            _check_call("test", node, ENVIRONMENT.tests)
        case nodes.Call():
            raise TemplateSyntaxProblem("calls are not allowed; there are filters: << value | filter >>", node.lineno)
        case nodes.Const(value=int() | float() as number) if not is_in_range(number):
            raise TemplateSyntaxProblem("this is not a number that JSON has within 64 bits", node.lineno)
        case nodes.CondExpr(expr2=None):
            raise TemplateSyntaxProblem("`if` needs an `else`", node.lineno)
        case nodes.Name(name="self"):
            raise TemplateSyntaxProblem("there is no 'self'", node.lineno)
        case _ if not isinstance(node, _ALLOWED):
            raise TemplateSyntaxProblem(f"{type(node).__name__} is not allowed in an expression", node.lineno)


_signature = functools.cache(inspect.signature)
"""There are some forty filters and tests, and a thousand templates that use them."""


def _check_call(kind: str, node: nodes.Filter | nodes.Test, known: Mapping[str, Any]) -> None:
    function = known.get(node.name)
    if function is None or not node.name.isidentifier():
        names = sorted(name for name in known if name.isidentifier())
        hint = did_you_mean(node.name, names) or f"; there are {', '.join(names)}"
        raise TemplateSyntaxProblem(f"there is no {kind} {node.name!r}{hint}", node.lineno)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxProblem("* and ** are not allowed in arguments", node.lineno)
    try:
        _signature(function).bind(None, *node.args, **{str(pair.key): None for pair in node.kwargs})
    except TypeError as error:
        raise TemplateSyntaxProblem(f"the {kind} {node.name!r}: {error}", node.lineno) from None

"""The signature of a handler: `(payload)` or `(payload, job)`. One rule for code that is read and code that is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from inspect import Parameter

CONTEXT_NAMES = ("job", "ctx", "context")
"""Names of a second parameter with a default that is the job all the same."""
SIGNATURE_HELP = "a handler takes (payload) or (payload, job)"

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def wants_context(parameters: Sequence[Parameter]) -> bool:
    """Say whether a handler with these parameters is called with (payload, job) rather than (payload).

    Raises: ValueError, in words, where it can be called with neither.
    """
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    required = [parameter.name for parameter in positional if parameter.default is Parameter.empty]
    takes_any = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in parameters)
    keywords = [
        parameter.name
        for parameter in parameters
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty
    ]
    if keywords:
        raise ValueError(f"it requires the keyword {keywords[0]!r}, which no runner passes")
    if len(required) > 2:
        raise ValueError(f"it requires {len(required)} arguments: {', '.join(required)}")
    if not positional:
        if takes_any:
            return True
        raise ValueError("it takes no arguments")
    if len(positional) == 1:
        return takes_any
    second = positional[1]
    if second.default is not Parameter.empty and second.name not in CONTEXT_NAMES:
        raise ValueError(
            f"its second parameter {second.name!r} would get the job, but has a default; "
            "make it keyword-only, or call it job"
        )
    return True


def parameters_of(function: Function) -> list[Parameter]:
    """Return the parameters of a function as it is written; annotations are text."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without_default = len(positional) - len(arguments.defaults)
    parameters = [
        _parameter(
            argument,
            Parameter.POSITIONAL_ONLY if index < len(arguments.posonlyargs) else Parameter.POSITIONAL_OR_KEYWORD,
            has_default=index >= without_default,
        )
        for index, argument in enumerate(positional)
    ]
    if arguments.vararg:
        parameters.append(_parameter(arguments.vararg, Parameter.VAR_POSITIONAL, has_default=False))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(_parameter(argument, Parameter.KEYWORD_ONLY, has_default=default is not None))
    return parameters


def is_generator(function: Function) -> bool:
    """Say whether a function yields: then calling it runs nothing of its body."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(function))


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body without those of functions and classes in it."""
    pending: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))


def _parameter(argument: ast.arg, kind: object, *, has_default: bool) -> Parameter:
    return Parameter(
        argument.arg,
        kind,  # type: ignore[arg-type]
        default=None if has_default else Parameter.empty,
        annotation=Parameter.empty if argument.annotation is None else ast.unparse(argument.annotation),
    )

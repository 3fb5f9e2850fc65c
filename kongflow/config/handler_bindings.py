"""Bindings: the names that the body of a module or class binds, as far as its text tells what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ImportedName:
    """`from module import name`; `level` counts the leading dots."""

    module: str
    name: str
    level: int
    line: int


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """`import module`."""

    module: str
    line: int


@dataclass(frozen=True, slots=True)
class Several:
    """Bound in several branches, or by more than a plain statement: only running it tells what it is."""

    line: int


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr | ImportedName | ImportedModule | Several
"""What a name of a module or class is bound to; an expression where it was assigned."""

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Bindings:
    """What a body binds."""

    names: Mapping[str, Definition] = field(default_factory=dict)
    stars: tuple[ImportedName, ...] = ()
    """`from module import *`"""
    exported: frozenset[str] | None = None
    """`__all__`, where it is one list of texts; None: what a star gives must be guessed."""
    for_types: frozenset[str] = frozenset()
    """Names that only a type checker sees: bound under `if TYPE_CHECKING` and nowhere else."""
    may_yield: bool = True
    """False where no function in it is a generator, for the word does not stand there."""


def bindings_of_class(node: ast.ClassDef) -> Bindings:
    """Return what the body of a class binds."""
    return _bindings(node.body)


def bindings_of_module(tree: ast.Module, text: str) -> Bindings:
    """Return what a module binds, by `global` in its functions too.

    To look at every node of 100 modules takes a tenth of a second: only where the words stand that are looked for.
    """
    found = _bindings(tree.body)
    names, uses_of_all = dict(found.names), 0
    for node in ast.walk(tree) if "global" in text or "__all__" in text else ():
        if isinstance(node, ast.Global):
            names.update((name, Several(node.lineno)) for name in node.names)
        uses_of_all += isinstance(node, ast.Name) and node.id == "__all__"
    exported = _texts(names.get("__all__")) if uses_of_all == 1 else None
    return Bindings(MappingProxyType(names), found.stars, exported, found.for_types, "yield" in text)


def _bindings(body: list[ast.stmt]) -> Bindings:
    names: dict[str, Definition] = {}
    stars: list[ImportedName] = []
    for_types: set[str] = set()
    for statement, in_block, is_for_types in _statements(body):
        for name, definition in _bound_by(statement):
            if is_for_types:
                for_types.add(name)
            elif name == "*" and isinstance(definition, ImportedName):
                stars.append(definition)
            else:
                names[name] = Several(statement.lineno) if in_block and name in names else definition
    return Bindings(MappingProxyType(names), tuple(stars), None, frozenset(for_types - names.keys()))


def _statements(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, bool, bool]]:
    """Yield the statements that are run here, in order; whether each stands in a branch or block; and whether it is
    for type checkers only. The bodies of functions and classes are not run here.
    """
    pending = [(statement, False, False) for statement in reversed(body)]
    while pending:
        statement, in_block, is_for_types = pending.pop()
        yield statement, in_block, is_for_types
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            pending += [(inner, in_block, is_for_types) for inner in reversed(statement.orelse)]
            pending += [(inner, True, True) for inner in reversed(statement.body)]
        elif not isinstance(statement, _Scope):
            pending += [(inner, True, is_for_types) for inner in reversed(list(_inner(statement)))]


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _bound_by(statement: ast.stmt) -> Iterator[tuple[str, Definition]]:
    """Yield what a statement binds by itself, without the statements inside it."""
    if isinstance(statement, ast.AnnAssign) and statement.value is None:
        return  # an annotation alone binds nothing
    plain = dict(_plain(statement))
    yield from plain.items()
    for name in _stored(statement):
        if name not in plain:
            yield name, Several(statement.lineno)


def _plain(statement: ast.stmt) -> Iterator[tuple[str, Definition]]:
    """Yield the names of which a statement says what they are."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name, statement
        case ast.ImportFrom():
            for alias in statement.names:
                imported = ImportedName(statement.module or "", alias.name, statement.level, statement.lineno)
                yield alias.asname or alias.name, imported
        case ast.Import():
            for alias in statement.names:
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                yield alias.asname or whole, ImportedModule(whole, statement.lineno)
        case ast.Assign():
            yield from ((target.id, statement.value) for target in statement.targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Yield every name that a statement stores or deletes, whatever its form."""
    pending: list[ast.AST] = [] if isinstance(statement, _Scope) else [statement]
    while pending:
        node = pending.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
        # The target of a comprehension is its own; a walrus in it is not.
        children = [node.iter, *node.ifs] if isinstance(node, ast.comprehension) else ast.iter_child_nodes(node)
        pending.extend(child for child in children if not isinstance(child, ast.stmt | _Scope))


def _texts(definition: Definition | None) -> frozenset[str] | None:
    if not isinstance(definition, ast.List | ast.Tuple):
        return None
    texts = [item.value for item in definition.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return frozenset(texts) if len(texts) == len(definition.elts) else None

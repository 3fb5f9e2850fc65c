"""The source of a handler: its module found and its names read, without running a line of it."""

from __future__ import annotations

import ast
import functools
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
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
    """Bound in several branches: only running them tells which one holds."""

    line: int


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr | ImportedName | ImportedModule | Several
"""What a name of a module or class is bound to; an expression where it was assigned."""


@dataclass(frozen=True, slots=True)
class Module:
    """Where a module is."""

    name: str
    origin: str | None
    """Its file; None for a folder without `__init__.py`."""
    folders: tuple[str, ...] | None
    """Where its submodules are; None where it is no package."""

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.folders is not None else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Source:
    """What a module binds at its top."""

    module: Module
    file: Path
    names: Mapping[str, Definition]
    stars: tuple[ImportedName, ...]
    """`from module import *`"""

    @property
    def public(self) -> tuple[str, ...]:
        """The names that a handler may have."""
        return tuple(name for name in self.names if not name.startswith("_"))

    def absolute(self, imported: ImportedName) -> str | None:
        """Return the whole name of the module that is imported from; None where its dots lead out of the package."""
        if imported.level == 0:
            return imported.module
        package = self.module.package
        parts = package.split(".")
        if not package or imported.level > len(parts):
            return None
        return ".".join([*parts[: len(parts) - imported.level + 1], *filter(None, [imported.module])])


def find_module(name: str, root: Path) -> Module | None:
    """Return where a module is, looked for in `root` first, then where Python looks. No parent package is run."""
    first, *rest = name.split(".")
    spec = _below(first, [str(root)]) or _installed(first)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # By its last name alone: with dots, the finder would ask the parent package, which is not imported.
        spec = _below(part, list(spec.submodule_search_locations))
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    return Module(name, spec.origin, None if folders is None else tuple(folders))


def read_module(module: Module) -> Source | None:
    """Return what a module binds; None where it has no Python source (a namespace, an extension).

    Raises: SyntaxError, OSError.
    """
    if module.origin is None or not module.origin.endswith(".py"):
        return None
    file = Path(module.origin)
    names, stars = _parse(file, file.stat().st_mtime_ns)
    return Source(module, file, names, stars)


def class_names(node: ast.ClassDef) -> Mapping[str, Definition]:
    """Return what a class body binds."""
    names, _ = _bound(node.body)
    return names


def _below(name: str, folders: Sequence[str]) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, folders)
    if spec is None:
        # Finders remember the contents of a folder for as long as its time of change stays the same.
        PathFinder.invalidate_caches()
        spec = PathFinder.find_spec(name, folders)
    return spec


def _installed(name: str) -> ModuleSpec | None:
    """Ask the finders of installed packages, those of editable installs included; a top-level name has no parent."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


@functools.lru_cache(maxsize=512)
def _parse(file: Path, changed: int) -> tuple[Mapping[str, Definition], tuple[ImportedName, ...]]:  # noqa: ARG001
    """Parse each version of a file once: a module holds many handlers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the user's file, say: not ours to report
            tree = ast.parse(file.read_bytes(), str(file))
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or type(error).__name__) from None
    names, stars = _bound(tree.body)
    return MappingProxyType(names), tuple(stars)


def _bound(body: list[ast.stmt]) -> tuple[dict[str, Definition], list[ImportedName]]:
    names: dict[str, Definition] = {}
    stars: list[ImportedName] = []
    for statement, is_branch in _statements(body):
        for name, definition in _bindings(statement):
            if name == "*" and isinstance(definition, ImportedName):
                stars.append(definition)
            elif is_branch and name in names:
                names[name] = Several(statement.lineno)
            else:
                names[name] = definition
    return names, stars


def _statements(body: list[ast.stmt], is_branch: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statements that bind names here, in order, and whether each stands in a branch or block."""
    for statement in body:
        yield statement, is_branch
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for field in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(statement, field, []):
                    yield from _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner], True)


def _bindings(statement: ast.stmt) -> Iterator[tuple[str, Definition]]:
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
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value

"""Annotations: what the names in them are, followed through imports and assignments. Nothing is run."""

from __future__ import annotations

import ast
import builtins
from pathlib import Path
from typing import TypeAlias

from kongflow.config.handler_bindings import ImportedModule, ImportedName
from kongflow.config.handler_path import is_of_python
from kongflow.config.handler_source import Source, find_module, read_module

MAX_HOPS = 8
"""Imports and assignments that are followed from one name."""
_KNOWN = ("typing_extensions", "pydantic", "msgspec")
"""Packages whose names mean the same wherever they are defined in them."""

Meaning: TypeAlias = "str | tuple[Source, ast.expr | ast.ClassDef]"
"""The dotted name of something that is Python's own or well known; or what stands in which module."""


class Names:
    """Looks names up. None wherever only running the code could tell."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def meaning(self, source: Source, node: ast.expr, hops: int = MAX_HOPS) -> Meaning | None:
        """Return what a name, or a name with attributes, is in a module."""
        if isinstance(node, ast.Name):
            return self._name(source, node.id, hops)
        if not isinstance(node, ast.Attribute):
            return None
        module = self._module(source, node.value)
        return None if module is None else self._of_module(module, node.attr, hops)

    def _name(self, source: Source, name: str, hops: int) -> Meaning | None:
        definition = source.bound.names.get(name)
        if hops == 0:
            return None
        match definition:
            case None:
                is_builtin = not source.is_open and name not in source.bound.for_types and hasattr(builtins, name)
                return f"builtins.{name}" if is_builtin else None
            case ImportedName():
                origin = source.absolute(definition)
                return None if origin is None else self._of_module(origin, definition.name, hops)
            case ast.ClassDef():
                return source, definition
            case ast.Name(id=other) if other != name:
                return self._name(source, other, hops - 1)
            case ast.Subscript() | ast.BinOp():
                return source, definition
        return None

    def _of_module(self, module: str, name: str, hops: int) -> Meaning | None:
        package = module.split(".", 1)[0]
        if is_of_python(module) or package in _KNOWN:
            return f"{package if package in _KNOWN else module}.{name}"
        found = find_module(module, self._root)
        try:
            source = None if found is None else read_module(found)
        except (SyntaxError, OSError):
            return None
        return None if source is None else self._name(source, name, hops - 1)

    def _module(self, source: Source, node: ast.expr) -> str | None:
        """Return the name of the module that an expression is."""
        if isinstance(node, ast.Attribute):
            outer = self._module(source, node.value)
            return None if outer is None else f"{outer}.{node.attr}"
        definition = source.bound.names.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(definition, ImportedModule):
            return definition.module
        if isinstance(definition, ImportedName):
            origin = source.absolute(definition)
            return None if not origin else f"{origin}.{definition.name}"
        return None

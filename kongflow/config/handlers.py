"""Handlers: what a dotted path leads to, found by reading. Nothing of the user's code is run, no driver is needed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path

from kongflow.config.handler_path import BadHandler, HandlerFault, HandlerPath, HandlerProblem, is_of_python
from kongflow.config.handler_signature import SIGNATURE_HELP, Function, is_generator, parameters_of, wants_context
from kongflow.config.handler_source import (
    Definition,
    ImportedModule,
    ImportedName,
    Module,
    Source,
    class_names,
    find_module,
    read_module,
)
from kongflow.core.spelling import did_you_mean

MAX_HOPS = 8
"""Imports and assignments that are followed from one handler."""


@dataclass(frozen=True, slots=True)
class HandlerSignature:
    """A handler as it is written. None where only importing it could tell: it is decorated, or made by a call."""

    file: Path | None
    line: int | None
    is_async: bool | None
    takes_context: bool | None
    parameters: tuple[str, ...] | None
    payload_annotation: str | None
    """The annotation of the first parameter, as written."""


def find_handler(root: Path, dotted: str) -> HandlerSignature | HandlerProblem:
    """Find a handler from the folder of kongflow.yaml, without importing anything."""
    try:
        return _Search(root, HandlerPath.parse(dotted)).run()
    except BadHandler as found:
        return found.problem


class _Search:
    """The search for one handler."""

    def __init__(self, root: Path, path: HandlerPath) -> None:
        self._root = root
        self._path = path

    def run(self) -> HandlerSignature:
        module = find_module(self._path.module, self._root)
        if module is None:
            raise self._problem(HandlerFault.MODULE, f"no module {self._path.module!r}", self._how_far())
        source = self._read(module)
        if source is None:
            return _unknown(None, None)
        name, *method = self._path.attributes
        source, definition = self._follow(source, name, MAX_HOPS)
        if isinstance(definition, ast.ClassDef):
            return self._method(source, definition, *method)
        if isinstance(definition, ImportedModule):
            raise self._problem(HandlerFault.CALLABLE, f"{name!r} is a module, not a function")
        if definition is None or method:
            return _unknown(source, definition)
        return self._function(source, definition)

    # --- from the path to a definition ---

    def _read(self, module: Module) -> Source | None:
        try:
            return read_module(module)
        except SyntaxError as error:
            line = f", line {error.lineno}" if error.lineno else ""
            message = f"{self._shown(module.origin)}{line} is not valid Python: {error.msg}"
            raise self._problem(HandlerFault.SYNTAX, message) from None
        except OSError as error:
            message = f"{self._shown(module.origin)} cannot be read: {error.strerror}"
            raise self._problem(HandlerFault.MODULE, message) from None

    def _follow(self, source: Source, name: str, hops: int) -> tuple[Source, Definition | None]:
        """Follow a name through imports and assignments; None where only importing could tell what it is."""
        if name not in source.names:
            return self._look_elsewhere(source, name, hops)
        definition = source.names[name]
        if hops == 0:
            return source, None
        match definition:
            case ImportedName():
                return self._follow_import(source, definition, definition.name, hops)
            case ast.Name(id=other) if other != name:
                return self._follow(source, other, hops - 1)
        return source, definition

    def _follow_import(
        self, source: Source, imported: ImportedName, name: str, hops: int
    ) -> tuple[Source, Definition | None]:
        origin = source.absolute(imported)
        if origin is not None and is_of_python(origin) and imported.name != "*":
            message = f"{name!r} is Python's own, from {origin}; call it from a function of yours"
            raise self._problem(HandlerFault.CALLABLE, message)
        module = None if origin is None else find_module(origin, self._root)
        target = None if module is None else self._read(module)
        if target is not None and name in target.names:
            return self._follow(target, name, hops - 1)
        if origin is not None and find_module(f"{origin}.{name}", self._root) is not None:
            return source, ImportedModule(f"{origin}.{name}", imported.line)
        return source, None

    def _look_elsewhere(self, source: Source, name: str, hops: int) -> tuple[Source, Definition | None]:
        """Return what a name may be that the module does not bind itself."""
        for star in source.stars if hops else ():
            found = self._follow_import(source, star, name, hops)
            if found[1] is not None:
                return found
        if source.stars or "__getattr__" in source.names:
            return source, None
        if find_module(f"{source.module.name}.{name}", self._root) is not None:
            return source, ImportedModule(f"{source.module.name}.{name}", 1)
        message = f"{self._shown(source.file)} defines no {name!r}{did_you_mean(name, source.public)}"
        raise self._problem(HandlerFault.ATTRIBUTE, message)

    # --- from a definition to a signature ---

    def _method(self, source: Source, owner: ast.ClassDef, name: str | None = None) -> HandlerSignature:
        if name is None:
            message = f"{owner.name!r} is a class; name a function, or a static method: {self._path.text}.method"
            raise self._problem(HandlerFault.CALLABLE, message)
        names = class_names(owner)
        if name not in names:
            if owner.bases:
                return _unknown(source, owner)
            message = f"{owner.name!r} defines no {name!r}{did_you_mean(name, names)}"
            raise self._problem(HandlerFault.ATTRIBUTE, message)
        definition = names[name]
        decorators = [ast.unparse(item) for item in getattr(definition, "decorator_list", [])]
        if decorators in (["staticmethod"], ["classmethod"]):
            return self._function(source, definition, known_decorator=decorators[0])
        if isinstance(definition, Function) and not decorators:
            message = f"{name!r} needs an instance of {owner.name!r}; make it a @staticmethod"
            raise self._problem(HandlerFault.CALLABLE, message)
        return _unknown(source, definition)

    def _function(self, source: Source, definition: Definition, known_decorator: str | None = None) -> HandlerSignature:
        name = self._path.attributes[-1]
        if isinstance(definition, ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set | ast.JoinedStr):
            raise self._problem(HandlerFault.CALLABLE, f"{name!r} is {_kind(definition)}, not a function")
        decorated = getattr(definition, "decorator_list", []) and known_decorator is None
        if not isinstance(definition, Function) or decorated:
            return _unknown(source, definition)
        if is_generator(definition):
            raise self._problem(HandlerFault.CALLABLE, f"{name!r} is a generator: calling it would run nothing")
        parameters = parameters_of(definition)[1 if known_decorator == "classmethod" else 0 :]
        try:
            takes_context = wants_context(parameters)
        except ValueError as error:
            raise self._problem(HandlerFault.SIGNATURE, f"{name!r} cannot be called: {error}", SIGNATURE_HELP) from None
        annotation = parameters[0].annotation
        return HandlerSignature(
            source.file,
            definition.lineno,
            isinstance(definition, ast.AsyncFunctionDef),
            takes_context,
            tuple(parameter.name for parameter in parameters),
            None if annotation is Parameter.empty else annotation,
        )

    # --- words ---

    def _problem(self, fault: HandlerFault, message: str, help: str | None = None) -> BadHandler:
        of_module = fault in (HandlerFault.MODULE, HandlerFault.SYNTAX)
        return BadHandler(fault, message, self._path.module_span if of_module else self._path.attribute_span, help)

    def _how_far(self) -> str:
        parts = self._path.module.split(".")
        for count in range(len(parts) - 1, 0, -1):
            known = ".".join(parts[:count])
            if find_module(known, self._root) is not None:
                return f"there is {known!r}, with nothing below it called {parts[count]!r}"
        return "modules are looked for in the folder of kongflow.yaml, then where Python looks"

    def _shown(self, file: Path | str | None) -> str:
        path = Path(file or "")
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)


def _unknown(source: Source | None, definition: Definition | None) -> HandlerSignature:
    file = None if source is None else source.file
    return HandlerSignature(file, getattr(definition, "lineno", None), None, None, None, None)


def _kind(definition: ast.expr) -> str:
    match definition:
        case ast.Constant(value=value):
            return "None" if value is None else f"{type(value).__name__} {value!r}"
        case ast.JoinedStr():
            return "a str"
    return f"a {type(definition).__name__.lower()}"

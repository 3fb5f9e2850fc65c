"""Handlers: what a dotted path leads to, found by reading. Nothing of the user's code is run, no driver is needed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path

from kongflow.config.findings import listing
from kongflow.config.handler_bindings import (
    Definition,
    ImportedModule,
    ImportedName,
    bindings_of_class,
)
from kongflow.config.handler_path import (
    BadHandler,
    FilePlace,
    HandlerFault,
    HandlerPath,
    HandlerProblem,
    is_of_python,
)
from kongflow.config.handler_signature import SIGNATURE_HELP, Function, is_generator, parameters_of, wants_context
from kongflow.config.handler_source import Module, Source, find_module, modules_in, read_module
from kongflow.core.spelling import did_you_mean

MAX_HOPS = 8
"""Imports and assignments that are followed from one handler."""


Found = tuple[Source | None, Definition | None]
"""What a name is, and the module that defines it; None where only importing could tell."""


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
        self._stars: dict[tuple[Path, ImportedName, str], Found | None] = {}
        """What each star import gives for a name; asked once, since stars may lead in circles."""

    def run(self) -> HandlerSignature:
        module = find_module(self._path.module, self._root)
        if module is None:
            raise self._problem(HandlerFault.MODULE, f"no module {self._path.module!r}", self._how_far())
        name, *method = self._path.attributes
        source, definition = self._of_module(module, name, MAX_HOPS)
        if isinstance(definition, ImportedModule):
            raise self._problem(HandlerFault.CALLABLE, f"{name!r} is a module, not a function")
        if source is None:
            return _unknown(None, None)
        if isinstance(definition, ast.ClassDef):
            return self._method(source, definition, *method)
        if definition is None or method:
            return _unknown(source, definition)
        return self._function(source, definition)

    # --- from the path to a definition ---

    def _of_module(self, module: Module, name: str, hops: int) -> Found:
        """Return what a name of a module is, and where it is defined; None where only importing could tell."""
        source = self._read(module)
        if source is not None:
            return self._follow(source, name, hops)
        if module.origin is not None:
            return None, None
        if find_module(f"{module.name}.{name}", self._root) is not None:
            return None, ImportedModule(f"{module.name}.{name}", 1)
        message = f"{module.name!r} is a folder without __init__.py and defines no {name!r}"
        raise self._problem(HandlerFault.ATTRIBUTE, message, f"modules in it: {listing(modules_in(module))}")

    def _read(self, module: Module) -> Source | None:
        try:
            return read_module(module)
        except SyntaxError as error:
            place = FilePlace(Path(module.origin or ""), error.lineno or 1, error.offset or 1)
            raise self._problem(HandlerFault.SYNTAX, f"this is not valid Python: {error.msg}", None, place) from None
        except OSError as error:
            message = f"{self._shown(module.origin)} cannot be read: {error.strerror}"
            raise self._problem(HandlerFault.MODULE, message) from None

    def _follow(self, source: Source, name: str, hops: int) -> Found:
        """Follow a name through imports and assignments."""
        if name not in source.bound.names:
            return self._look_elsewhere(source, name, hops)
        definition = source.bound.names[name]
        if hops == 0:
            return source, None
        match definition:
            case ImportedName():
                return self._follow_import(source, definition, name, hops - 1)
            case ast.Name(id=other) if other != name:
                return self._follow(source, other, hops - 1)
        return source, definition

    def _follow_import(self, source: Source, imported: ImportedName, name: str, hops: int) -> Found:
        origin = source.absolute(imported)
        if origin is None:
            return source, None
        self._refuse_pythons(origin, imported.name)
        module = find_module(origin, self._root)
        if module is None:
            if self._is_own(origin) and not source.is_open:
                where = f"{self._shown(source.file)}, line {imported.line}"
                raise self._problem(HandlerFault.MODULE, f"{where}: no module {origin!r} to import {name!r} from")
            return source, None
        if module.in_project and not source.is_open:
            return self._of_module(module, imported.name, hops)
        # The import may fail here, or names appear there, without the text showing it.
        target = self._read(module)
        if target is not None and imported.name in target.bound.names:
            return self._follow(target, imported.name, hops)
        whole = f"{origin}.{imported.name}"
        found = ImportedModule(whole, imported.line) if find_module(whole, self._root) is not None else None
        return source, found

    def _look_elsewhere(self, source: Source, name: str, hops: int) -> Found:
        """Return what a name may be that the module does not bind itself."""
        for star in reversed(source.bound.stars):  # the last one holds
            found = self._of_star(source, star, name, hops)
            if found is not None:
                return found
        if "__getattr__" in source.bound.names:
            return source, None
        if find_module(f"{source.module.name}.{name}", self._root) is not None:
            return source, ImportedModule(f"{source.module.name}.{name}", 1)
        if name in source.bound.for_types:
            message = f"{self._shown(source.file)} imports {name!r} for type checkers only"
            advice = "move the import out of `if TYPE_CHECKING`, or name the module that defines it"
            raise self._problem(HandlerFault.ATTRIBUTE, message, advice)
        message = f"{self._shown(source.file)} defines no {name!r}{did_you_mean(name, source.public)}"
        raise self._problem(HandlerFault.ATTRIBUTE, message)

    def _of_star(self, source: Source, star: ImportedName, name: str, hops: int) -> Found | None:
        """Return what `from … import *` gives for a name; None where it gives no such name."""
        if hops == 0:
            return source, None
        key = (source.file, star, name)
        if key not in self._stars:
            self._stars[key] = source, None  # for who comes here again on the way
            self._stars[key] = self._exported(source, star, name, hops - 1)
        return self._stars[key]

    def _exported(self, source: Source, star: ImportedName, name: str, hops: int) -> Found | None:
        origin = source.absolute(star)
        module = None if origin is None else find_module(origin, self._root)
        target = None if module is None else self._read(module)
        if target is None or origin is None:
            return source, None
        bound, listed = target.bound.names, target.bound.exported
        if name in bound if listed is None else name in listed:
            self._refuse_pythons(origin, name)
            return self._follow(target, name, hops) if name in bound or target.module.in_project else (source, None)
        if listed is not None:
            return None
        if "__all__" in bound or not target.module.in_project:
            return source, None
        inner = (self._of_star(target, star, name, hops) for star in reversed(target.bound.stars))
        return next((found for found in inner if found is not None), None)

    def _refuse_pythons(self, origin: str, name: str) -> None:
        if is_of_python(origin):
            message = f"{name!r} is Python's own, from {origin}; call it from a function of yours"
            raise self._problem(HandlerFault.CALLABLE, message)

    def _is_own(self, module: str) -> bool:
        """Say whether a module, which need not exist, would be one of the project."""
        package = find_module(module.split(".", 1)[0], self._root)
        return package is not None and package.in_project

    # --- from a definition to a signature ---

    def _method(self, source: Source, owner: ast.ClassDef, name: str | None = None) -> HandlerSignature:
        if name is None:
            message = f"{owner.name!r} is a class; name a function, or a static method: {self._path.text}.method"
            raise self._problem(HandlerFault.CALLABLE, message)
        names = bindings_of_class(owner).names
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
        if source.bound.may_yield and is_generator(definition):
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

    def _problem(
        self, fault: HandlerFault, message: str, help: str | None = None, place: FilePlace | None = None
    ) -> BadHandler:
        of_module = fault in (HandlerFault.MODULE, HandlerFault.SYNTAX)
        span = self._path.module_span if of_module else self._path.attribute_span
        return BadHandler(fault, message, span, help, place)

    def _how_far(self) -> str:
        parts = self._path.module.split(".")
        for count in range(len(parts) - 1, 0, -1):
            known = ".".join(parts[:count])
            module = find_module(known, self._root)
            if module is not None:
                attributes = ".".join([*parts[count:], *self._path.attributes])
                source = self._read(module)
                if source is not None and parts[count] in source.bound.names:
                    return f"{parts[count]!r} is a name in the module {known!r}: write {known}:{attributes}"
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

"""Exceptions: whether a dotted name in `retry_on` or `give_up_on` is one that errors are known by.

An error is known by the module that defines its class, and by the packages around that, not by whatever else it can be
imported from. Modules of the project and of packages are read; those of Python itself are imported, and with `imports`
all. What reading does not tell, and what is not installed here, raises no problem.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from dataclasses import dataclass
from pathlib import Path

from kongflow import errors
from kongflow.config.findings import quoted, suggestion
from kongflow.config.handler_bindings import Definition, ImportedName
from kongflow.config.handler_path import is_of_python
from kongflow.config.handler_source import Module, Source, find_module, read_module
from kongflow.core.retry import class_names

_BUILT_IN = {
    name: found
    for name, found in vars(builtins).items()
    if isinstance(found, type) and issubclass(found, BaseException)
}
_OURS = {name: found for name, found in vars(errors).items() if isinstance(found, type)}
_NOT_IMPORTED = frozenset({"antigravity", "idlelib", "test", "this", "tkinter", "turtle", "turtledemo"})
"""Of Python's modules those that do something when they are imported, or need a screen."""
_MADE_ELSEWHERE = ("__module__", "__getattr__", "globals(", "vars(", "setattr(", "sys.modules", "__dict__", "exec(")
"""Words of a source that may give it names, or give its classes others, which reading does not see."""
_MAX_HOPS = 8
"""Imports and assignments that are followed from one name."""


@dataclass(frozen=True, slots=True)
class ExceptionProblem:
    """Why no error is known by a name."""

    message: str
    help: str


def known_class(name: str) -> type | None:
    """Return the exception of Python or of KongFlow that a name stands for; None for any other name."""
    module, _, last = name.rpartition(".")
    if module in ("", "builtins"):
        return _BUILT_IN.get(last)
    return _OURS.get(last) if module in ("kongflow", "kongflow.errors") else None


def exception_problem(root: Path, name: str, *, imports: bool = False) -> ExceptionProblem | None:
    """Return why no error is known by a name, or None where one is, or may be.

    `imports`: modules are imported, so that nothing has to be guessed.
    """
    module, _, last = name.rpartition(".")
    if module in ("", "builtins"):
        otherwise = "the name of a class that is not built in begins with its module: httpx.TimeoutException"
        found = vars(builtins).get(last)
        return _of_value(name, f"no built-in exception is called {quoted(last)}", found, _BUILT_IN, otherwise)
    if module in ("kongflow", "kongflow.errors"):
        return _of_value(name, f"{module} has no exception {quoted(last)}", _OURS.get(last), _OURS, "")
    holder, attributes = _split(root, name)
    if holder is None:
        message = f"there is no module {quoted(name.partition('.')[0])}"
        return ExceptionProblem(message, "install the package, or correct the name") if imports else None
    if imports or (is_of_python(holder.name) and not holder.in_project):
        return None if holder.name.partition(".")[0] in _NOT_IMPORTED else _imported(holder.name, attributes, name)
    return _read(root, holder, attributes, name)


def _split(root: Path, name: str) -> tuple[Module | None, list[str]]:
    """Return the longest module that a name begins with, and what follows it."""
    parts, holder, length = name.split("."), None, 0
    for count in range(1, len(parts)):
        found = find_module(".".join(parts[:count]), root)
        if found is None:
            break
        holder, length = found, count
    return holder, parts[length:]


# --- of a value that is there ---


def _imported(module: str, attributes: list[str], name: str) -> ExceptionProblem | None:
    try:
        holder = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException:  # where a handler needs it, handler-import-error tells
        return None
    found: object = holder
    for attribute in attributes:
        found = getattr(found, attribute, None)
    known = {each: value for each, value in vars(holder).items() if isinstance(value, type)}
    return _of_value(name, f"{module} has no exception {quoted('.'.join(attributes))}", found, known, "")


def _of_value(
    name: str, missing: str, found: object, known: dict[str, type], otherwise: str
) -> ExceptionProblem | None:
    if found is None:
        exceptions = [each for each, value in known.items() if issubclass(value, BaseException)]
        return ExceptionProblem(missing, suggestion(name.rpartition(".")[2], exceptions, otherwise))
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        return _no_exception(name)
    names = class_names(found)
    return None if name in names else _other_name(name, _own_name(found))


def _own_name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _no_exception(name: str) -> ExceptionProblem:
    return ExceptionProblem(f"{quoted(name)} is no exception class", "name a class that is raised")


def _other_name(name: str, own: str) -> ExceptionProblem:
    message = f"errors are never known by {quoted(name)}: the class is called {quoted(own)}"
    return ExceptionProblem(message, f"write {own}")


# --- of a source that is read ---


def _read(root: Path, holder: Module, attributes: list[str], name: str) -> ExceptionProblem | None:
    source = _source(holder)
    if source is None or len(attributes) != 1:
        return None
    if attributes[0] not in source.bound.names:
        if source.is_open:
            return None
        message = f"{holder.name} has no exception {quoted(attributes[0])}"
        classes = [each for each, bound in source.bound.names.items() if isinstance(bound, ast.ClassDef | ImportedName)]
        return ExceptionProblem(message, suggestion(attributes[0], classes))
    defined, definition = _follow(root, source, attributes[0])
    if isinstance(definition, ast.ClassDef) and defined is not None:
        own = f"{defined.module.name}.{definition.name}"
        if not (definition.bases or definition.keywords or definition.decorator_list):
            return _no_exception(name)
        is_around = own.startswith(f"{holder.name}.") and definition.name == attributes[0]
        package = find_module(own.partition(".")[0], root)
        is_sure = not is_around and package is not None and _source(package) is not None
        return _other_name(name, own) if is_sure else None
    no_class = ast.FunctionDef | ast.AsyncFunctionDef | ast.Constant | ast.List | ast.Dict
    return _no_exception(name) if isinstance(definition, no_class) else None


def _follow(root: Path, source: Source, name: str) -> tuple[Source | None, Definition | None]:
    """Return what a name is bound to, and where that stands, through imports and assignments; None if unknown."""
    for _ in range(_MAX_HOPS):
        definition = source.bound.names.get(name)
        if isinstance(definition, ImportedName):
            origin = source.absolute(definition)
            module = None if origin is None or is_of_python(origin) else find_module(origin, root)
            target = None if module is None else _source(module)
            if target is None:
                return None, None
            source, name = target, definition.name
        elif isinstance(definition, ast.Name) and definition.id != name:
            name = definition.id
        else:
            return source, definition
    return None, None


def _source(module: Module) -> Source | None:
    """Return what a module binds; None where its text does not tell all of it, or cannot be read."""
    try:
        source = read_module(module)
        text = "" if source is None else source.file.read_text(encoding="utf-8")
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    return None if any(word in text for word in _MADE_ELSEWHERE) else source

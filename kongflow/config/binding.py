"""Binding: dotted paths → functions. The only place that imports users' handlers."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kongflow.config.conversion import Unconvertible, as_is, conversion
from kongflow.config.handler_path import BadHandler, HandlerFault, HandlerPath, HandlerProblem, is_of_python
from kongflow.config.handler_signature import SIGNATURE_HELP, wants_context
from kongflow.config.handler_source import find_module
from kongflow.core.catalog import Catalog
from kongflow.core.json import Json
from kongflow.core.spelling import did_you_mean
from kongflow.errors import InvalidConfig


@dataclass(frozen=True, slots=True)
class Handler:
    """A bound handler: the function of a task, and how it is called."""

    function: Callable[..., Any]
    is_async: bool
    takes_context: bool
    """True: called with (payload, job); False: with (payload)."""
    convert: Callable[[Json], object] = as_is
    """Turns the payload into what the function is annotated with. Raises: InvalidPayload."""


def bind(catalog: Catalog) -> dict[str, Handler]:
    """Import the handler of every task; return them by task name. Raises: InvalidConfig, with every one that fails.

    The folder of kongflow.yaml goes to the front of `sys.path` and stays there, since handlers import lazily, too.
    A module that another project of this process has imported under the same name is imported anew from this folder.
    """
    handlers, problems = try_bind(catalog.root, {task.name: task.handler for task in catalog.tasks.values()})
    if problems:
        lines = [
            f"task {name!r}, handler {catalog.tasks[name].handler!r}: {problem.message}"
            for name, problem in problems.items()
        ]
        what = "a handler" if len(lines) == 1 else f"{len(lines)} handlers"
        raise InvalidConfig("\n  ".join([f"{what} cannot be used:", *lines]))
    return handlers


def try_bind(root: Path, dotted: dict[str, str]) -> tuple[dict[str, Handler], dict[str, HandlerProblem]]:
    """As `bind`, for dotted paths by task name; return the handlers and the problems."""
    binder = Binder(root)
    handlers: dict[str, Handler] = {}
    problems: dict[str, HandlerProblem] = {}
    for name, text in dotted.items():
        try:
            handlers[name] = binder.bind(text)
        except BadHandler as error:
            problems[name] = error.problem
    return handlers, problems


class Binder:
    """Binds handlers one by one; each module is imported once, also where that fails."""

    def __init__(self, root: Path) -> None:
        _put_first(root)
        self._modules = _Modules(root)

    def bind(self, dotted: str) -> Handler:
        """Import the handler that a dotted path names. Raises: BadHandler."""
        path = HandlerPath.parse(dotted)
        return _handler(self._modules.attribute(path), path)


def _put_first(root: Path) -> None:
    folder = str(root)
    if sys.path[:1] != [folder]:
        sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
    importlib.invalidate_caches()


class _Modules:
    """Imports each module once, and remembers why one could not be imported."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._failures: dict[str, tuple[HandlerFault, str]] = {}

    def attribute(self, path: HandlerPath) -> Any:
        """Return what a path leads to. Raises: BadHandler."""
        found: Any = self._module(path)
        for name in path.attributes:
            if not hasattr(found, name):
                near = did_you_mean(name, [known for known in dir(found) if not known.startswith("_")])
                what = found.__name__ if isinstance(found, ModuleType | type) else type(found).__name__
                raise BadHandler(HandlerFault.ATTRIBUTE, f"{what} has no {name!r}{near}", path.attribute_span)
            owner, found = found, getattr(found, name)
            unfit = _unfit(owner, name, found)
            if unfit:
                raise BadHandler(HandlerFault.CALLABLE, f"{name!r} {unfit}", path.attribute_span)
        return found

    def _module(self, path: HandlerPath) -> ModuleType:
        if path.module not in self._failures:
            self._forget_other_projects(path)
            try:
                return importlib.import_module(path.module)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a module may call sys.exit: that is its task's problem, not ours
                absent = find_module(path.module, self._root) is None
                self._failures[path.module] = (
                    (HandlerFault.MODULE, f"no module {path.module!r}")
                    if absent
                    else (HandlerFault.IMPORT, _why(error, self._root))
                )
        raise BadHandler(*self._failures[path.module], path.module_span)

    def _forget_other_projects(self, path: HandlerPath) -> None:
        """Let go of modules of the same name from another project's folder; never of an installed package."""
        parts = path.module.split(".")
        elsewhere = [
            place
            for count in range(1, len(parts) + 1)
            if (place := self._loaded_from_elsewhere(".".join(parts[:count]))) is not None
        ]
        if any(place.is_relative_to(folder) for place in elsewhere for folder in _installed()):
            message = f"the module {parts[0]!r} is already imported from {elsewhere[0]}; rename the one in {self._root}"
            raise BadHandler(HandlerFault.MODULE, message, path.module_span)
        if elsewhere:
            for name in [name for name in sys.modules if name.split(".", 1)[0] == parts[0]]:
                del sys.modules[name]

    def _loaded_from_elsewhere(self, name: str) -> Path | None:
        """Return where a loaded module stands if that is not where this project has it."""
        loaded, own = sys.modules.get(name), find_module(name, self._root)
        if loaded is None or own is None:
            return None
        place = _location(getattr(loaded, "__file__", None), getattr(loaded, "__path__", None))
        return None if place == _location(own.origin, own.folders) else place


def _unfit(owner: object, name: str, found: Any) -> str | None:
    """Say why what a name leads to is neither a handler nor on the way to one."""
    if isinstance(found, ModuleType):
        return "is a module, not a function"
    if isinstance(owner, type) and inspect.isfunction(inspect.getattr_static(owner, name)):
        return f"needs an instance of {owner.__name__!r}; make it a @staticmethod"
    if inspect.isroutine(found) and is_of_python(found.__module__ or "builtins"):
        return f"is Python's own, from {found.__module__}; call it from a function of yours"
    return None


def _location(file: str | None, folders: Iterable[str] | None) -> Path | None:
    """Return where a module stands: its file, or the first folder of a package."""
    if folders is not None:
        file = next(iter(folders), file)
    return None if file is None else Path(file).resolve()


def _installed() -> list[Path]:
    return [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")]


def _why(error: BaseException, root: Path) -> str:
    """Return an import error's own text, and the line of the user's code that raised it."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(root):
            return f"importing it failed in {file.relative_to(root)}, line {frame.lineno}: {text}"
    return f"importing it failed: {text}"


def _handler(function: Any, path: HandlerPath) -> Handler:
    name = path.attributes[-1]
    if isinstance(function, type) or not callable(function):
        kind = "a class" if isinstance(function, type) else f"of type {type(function).__name__}"
        raise BadHandler(HandlerFault.CALLABLE, f"{name!r} is {kind}, not a function", path.attribute_span)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        message = f"{name!r} is a generator: calling it would run nothing"
        raise BadHandler(HandlerFault.CALLABLE, message, path.attribute_span)
    try:
        parameters = list(inspect.signature(function).parameters.values())
        takes_context = wants_context(parameters)
        convert = conversion(parameters[0].annotation, _namespace(function))
    except (ValueError, Unconvertible) as error:
        message = f"{name!r} cannot be called: {error}"
        raise BadHandler(HandlerFault.SIGNATURE, message, path.attribute_span, SIGNATURE_HELP) from None
    return Handler(function, _is_async(function), takes_context, convert)


def _is_async(function: Any) -> bool:
    # An instance with `async def __call__` is no coroutine function itself.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _namespace(function: Any) -> dict[str, Any]:
    """Return the globals in which a function's annotations mean something."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__globals__"):
        function = type(function).__call__
    namespace: dict[str, Any] = getattr(function, "__globals__", {})
    return namespace

"""Modules that are written for the tests: a project, its client, and whether a value is of one of its types."""

from __future__ import annotations

import collections.abc
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union

from kongflow.core.catalog import Catalog, DatabaseSettings
from kongflow.core.retry import RetryPolicy
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task
from kongflow.generate.python_client import python_client


def catalog_of(tasks: dict[str, dict[str, Any]], **settings: Any) -> Catalog:
    """Return a catalog of tasks: `payload` and `result` are schemas, the rest is as in `Task`."""
    declared = {name: _task(name, **task) for name, task in tasks.items()}
    return Catalog(Path(), DatabaseSettings("sqlite:///unused.db"), tasks=declared, **settings)


def _task(name: str, payload: Any = None, result: Any = None, **others: Any) -> Task:
    payload, result = (None if schema is None else PayloadSchema.compile(schema) for schema in (payload, result))
    return Task(name, "tasks.anything", payload, result, RetryPolicy(), **others)


def module_of(tasks: dict[str, dict[str, Any]]) -> types.ModuleType:
    """Return the client of tasks, imported."""
    return imported(python_client(catalog_of(tasks)))


def imported(text: str) -> types.ModuleType:
    """Return the module of a text."""
    module = types.ModuleType("written_client")
    exec(compile(text, "written_client.py", "exec", dont_inherit=True), vars(module))
    return module


def is_of(value: Any, type_: Any, module: types.ModuleType) -> bool:
    """Say whether a type checker would let a value pass, keys that a TypedDict does not list aside."""
    if isinstance(type_, str | typing.ForwardRef):
        return is_of(value, getattr(module, getattr(type_, "__forward_arg__", type_)), module)
    if typing.is_typeddict(type_):
        if not isinstance(value, dict) or not type_.__required_keys__ <= value.keys():
            return False
        fields = type_.__annotations__
        return all(is_of(value[key], field, module) for key, field in fields.items() if key in value)
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (Union, types.UnionType):
        return any(is_of(value, argument, module) for argument in arguments)
    if origin is typing.NotRequired:
        return is_of(value, arguments[0], module)
    if origin is Literal:
        return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in arguments)
    if origin is list:
        return isinstance(value, list) and all(is_of(item, arguments[0], module) for item in value)
    if origin is tuple:
        return False  # JSON has lists; the list beside it is what such a value is of
    if origin is collections.abc.Mapping:
        return isinstance(value, dict) and all(is_of(item, arguments[1], module) for item in value.values())
    return _is_plain(value, type_)


def _is_plain(value: Any, type_: Any) -> bool:
    if type_ is Any:
        return True
    if type_ is typing.Never:
        return False
    if type_ in (None, type(None)):
        return value is None
    if type_ in (int, float):  # 1.0 is an integer of JSON; no checker sees it that way, and nobody writes it
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (type_ is float or float(value).is_integer())
    return isinstance(value, type_)

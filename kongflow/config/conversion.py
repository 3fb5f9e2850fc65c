"""Conversion: a payload as the type that a handler's first parameter is annotated with.

Converted are dataclasses and TypedDicts, also inside lists, tuples, dicts and `X | None`. Every other annotation leaves
the value as JSON has it: what a field holds is the business of the payload's schema.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, Union

from kongflow.core.expression import kind_of
from kongflow.core.json import Json, path_of
from kongflow.errors import InvalidPayload

Path: TypeAlias = tuple[str | int, ...]
Convert: TypeAlias = Callable[[Json, Path], Any]

_LISTS = (list, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)


class Unconvertible(TypeError):
    """An annotation that leaves open what a payload should become."""


def as_is(value: Json) -> Json:
    """Return the payload as it is."""
    return value


def conversion(annotation: object, namespace: Mapping[str, Any]) -> Callable[[Json], Any]:
    """Return what turns a payload into the annotated type; `namespace` resolves annotations that are text.

    What is returned raises InvalidPayload, naming the JSON path, where a required field is missing or is of another
    kind. Raises: Unconvertible.
    """
    convert = _Conversions().of(_resolved({"payload": annotation}, namespace)["payload"])
    if convert is None:
        return as_is
    return lambda payload: convert(payload, ())


class _Conversions:
    """Builds each class's conversion once, so that a class may hold itself."""

    def __init__(self) -> None:
        self._of_classes: dict[type, Convert] = {}

    def of(self, annotation: Any) -> Convert | None:
        """Return the conversion to an annotation; None where the value stays as it is."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired):
            return self.of(arguments[0])
        if origin in (Union, types.UnionType):
            return self._of_union(annotation, arguments)
        if origin in _LISTS and arguments:
            return self._of_list(origin, arguments)
        if origin in _MAPPINGS and len(arguments) == 2:
            return self._of_mapping(arguments[1])
        return self._of_class(origin or annotation)

    def _of_union(self, annotation: Any, members: tuple[Any, ...]) -> Convert | None:
        converts = [convert for convert in map(self.of, members) if convert is not None]
        if not converts:
            return None
        if len(converts) > 1:
            raise Unconvertible(f"{annotation} leaves open which type a payload becomes; annotate one, or a dict")
        convert, only_null = converts[0], type(None) in members and len(members) == 2

        def to_member(value: Json, path: Path) -> Any:
            if value is None and type(None) in members:
                return None
            # Beside text or numbers, only what can be the class is taken for it.
            return convert(value, path) if only_null or isinstance(value, dict | list) else value

        return to_member

    def _of_list(self, origin: Any, arguments: tuple[Any, ...]) -> Convert | None:
        item = self.of(arguments[0])
        if item is None or (origin is tuple and arguments[1:] != (...,)):
            return None
        build = tuple if origin is tuple else list

        def to_list(value: Json, path: Path) -> Any:
            if not isinstance(value, list):
                raise _invalid(path, f"expected a list, got {kind_of(value)}")
            return build(item(element, (*path, index)) for index, element in enumerate(value))

        return to_list

    def _of_mapping(self, of_values: Any) -> Convert | None:
        convert = self.of(of_values)
        if convert is None:
            return None

        def to_mapping(value: Json, path: Path) -> Any:
            if not isinstance(value, dict):
                raise _invalid(path, f"expected an object, got {kind_of(value)}")
            return {key: convert(item, (*path, key)) for key, item in value.items()}

        return to_mapping

    def _of_class(self, cls: Any) -> Convert | None:
        if not isinstance(cls, type) or not (dataclasses.is_dataclass(cls) or typing.is_typeddict(cls)):
            return None
        if cls not in self._of_classes:
            fields: dict[str, Convert | None] = {}
            required: set[str] = set()
            to_class = _to_class(cls, fields, required)
            self._of_classes[cls] = to_class
            names, is_required = _fields(cls)
            hints = _resolved(cls, {})
            fields.update({name: self.of(hints[name]) for name in names})
            required.update(name for name in names if _is_required(hints[name], name in is_required))
        return self._of_classes[cls]


def _fields(cls: Any) -> tuple[list[str], set[str]]:
    """Return the names of the fields, and those that must be there."""
    if typing.is_typeddict(cls):
        return list(cls.__annotations__), set(cls.__required_keys__)
    fields = [field for field in dataclasses.fields(cls) if field.init]
    none = dataclasses.MISSING
    return [field.name for field in fields], {
        field.name for field in fields if field.default is none and field.default_factory is none
    }


def _is_required(hint: Any, by_class: bool) -> bool:
    """Where annotations are text (PEP 563), a TypedDict has not seen its own `Required` and `NotRequired`."""
    marks = {typing.Required: True, typing.NotRequired: False}
    return marks.get(typing.get_origin(hint), by_class)


def _to_class(cls: Any, fields: Mapping[str, Convert | None], required: set[str]) -> Convert:
    def to_class(value: Json, path: Path) -> Any:
        if not isinstance(value, dict):
            raise _invalid(path, f"expected an object for {cls.__name__}, got {kind_of(value)}")
        absent = [name for name in fields if name in required and name not in value]
        if absent:
            raise _invalid((*path, absent[0]), f"is required by {cls.__name__} and missing")
        if typing.is_typeddict(cls):
            return {name: _item(fields.get(name), item, (*path, name)) for name, item in value.items()}
        arguments = {name: _item(fields[name], value[name], (*path, name)) for name in fields if name in value}
        try:
            return cls(**arguments)
        except (TypeError, ValueError) as error:
            raise _invalid(path, f"{cls.__name__} refuses it: {error}") from error

    return to_class


def _item(convert: Convert | None, value: Json, path: Path) -> Any:
    return value if convert is None else convert(value, path)


def _resolved(annotated: Any, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return annotations with those that are text evaluated.

    Names of `typing` and `collections.abc` are known even where a module imports them for type checkers only.
    """
    known = {**vars(collections.abc), **vars(typing)}
    holder = annotated if isinstance(annotated, type) else types.SimpleNamespace(__annotations__=annotated)
    try:
        if isinstance(annotated, type):
            return typing.get_type_hints(annotated, localns=known, include_extras=True)
        return typing.get_type_hints(holder, globalns={**known, **namespace}, include_extras=True)
    except Exception as error:
        raise Unconvertible(
            f"an annotation cannot be resolved: {type(error).__name__}: {error}; "
            "import its type at run time, not for type checkers only"
        ) from None


def _invalid(path: Path, message: str) -> InvalidPayload:
    problem = f"{path_of(path)}: {message}"
    return InvalidPayload(f"the payload does not fit the handler's annotation: {problem}", (problem,))

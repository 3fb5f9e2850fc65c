"""From JSON Schema to Python types."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kongflow.generate.python_client import python_client
from tests.core.schema_corpus import CASES, FORMATS, Case
from tests.generate.modules import catalog_of, is_of, module_of

OBJECT = {"type": "object"}
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def types_in(**task: Any) -> str:
    """Return what the client of one task `t` says about types, without docstrings."""
    text = python_client(catalog_of({"t": task}))
    types = text.partition("tags: Collection[str] | None")[2].partition("Added = TypeVar")[0]
    return re.sub(r"\n{2,}", "\n", re.sub(r'"""[^"]*"""\n', "", types)).strip()


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (TEXT, "str"),
        (NUMBER, "int"),
        ({"type": "number"}, "float"),
        ({"type": ["integer", "number"]}, "float"),
        ({"type": "boolean"}, "bool"),
        ({"type": "null"}, "None"),
        ({"type": ["null", "string"]}, "str | None"),
        ({}, "Json"),
        ({"minLength": 3}, "Json"),
        (True, "Json"),
        (False, "Never"),
        ({"allOf": [TEXT, NUMBER]}, "Never"),
        ({"enum": ["a", 'b"\\', 1, True, None]}, 'Literal["a", "b\\"\\\\", 1, True] | None'),
        ({"enum": ["a", 1, None], "type": "string"}, 'Literal["a"]'),
        ({"const": 1.5}, "float"),
        ({"const": "x", "enum": ["x", "y"]}, 'Literal["x"]'),
        ({"enum": [{"a": 1}, [1]]}, "Mapping[str, Json] | list[Json]"),
        ({"type": "array"}, "list[Json]"),
        ({"type": "array", "items": TEXT}, "list[str]"),
        ({"type": "array", "items": False}, "list[Never]"),
        ({"type": "array", "prefixItems": [TEXT, NUMBER]}, "list[Json]"),
        ({"type": "array", "prefixItems": [TEXT, NUMBER], "items": False}, "list[str | int]"),
        (
            {"type": "array", "prefixItems": [TEXT, NUMBER], "items": False, "minItems": 2},
            "list[str | int] | tuple[str, int]",
        ),
        (OBJECT, "Mapping[str, Json]"),
        ({"type": "object", "additionalProperties": NUMBER}, "Mapping[str, int]"),
        ({"type": "object", "patternProperties": {"^x": NUMBER}}, "Mapping[str, Json]"),
        ({"type": "object", "patternProperties": {"^x": NUMBER}, "additionalProperties": False}, "Mapping[str, int]"),
        ({"type": "object", "properties": {"a": TEXT}, "additionalProperties": NUMBER}, "Mapping[str, str | int]"),
        ({"anyOf": [TEXT, {"type": "null"}]}, "str | None"),
        ({"oneOf": [{"const": "a"}, {"const": "b", "title": "B"}]}, 'Literal["a"] | Literal["b"]'),
        ({"type": ["string", "integer"], "anyOf": [{"minLength": 3}, {"minimum": 3}]}, "str | int"),
        ({"type": "string", "not": {"const": "x"}, "pattern": "^a"}, "str"),
    ],
    ids=str,
)
def test_a_schema_is_written_as_a_type(schema: Any, type_: str) -> None:
    assert types_in(result=schema) == f"TResult: TypeAlias = {type_}"


def test_a_key_is_required_where_it_must_be_given() -> None:
    properties = {"given": TEXT, "may": TEXT, "filled": {"type": "string", "default": "x"}, "never": False}
    schema = {"type": "object", "required": ["given", "filled"], "properties": properties}

    assert types_in(payload=schema, result=schema) == (
        "class TPayload(TypedDict):\n    given: str\n    may: NotRequired[str]\n    filled: NotRequired[str]\n"
        "class TResult(TypedDict):\n    given: str\n    may: NotRequired[str]\n    filled: str"
    )


def test_a_default_counts_where_it_is_filled_in_alone() -> None:
    part = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "default": 1}}}
    one = {"$ref": "#/$defs/part"}
    schema = {
        "type": "object",
        "properties": {"one": one, "many": {"type": "array", "items": one}},
        "$defs": {"part": part},
    }

    assert types_in(payload=schema) == (
        "class TPayloadPart(TypedDict):\n    a: NotRequired[int]\n"
        "class TPayloadPart2(TypedDict):\n    a: int\n"
        "class TPayload(TypedDict):\n    one: NotRequired[TPayloadPart]\n    many: NotRequired[list[TPayloadPart2]]"
    )


def test_keys_that_are_no_names_of_fields_are_written_as_texts() -> None:
    for key in ("class", "user-id", "", "__x", "str", "1st", "ünd", 'a"\\\n'):
        module = module_of({"t": {"payload": {"type": "object", "properties": {key: TEXT}}}})

        assert list(module.TPayload.__annotations__) == [key]
        assert module.TPayload.__required_keys__ == set()


def test_what_refers_to_itself_has_a_name() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "up": {"$ref": "#"}}}
    lists = {"type": "array", "items": {"$ref": "#/$defs/lists"}}
    schema = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/tree"}, "lists": {"$ref": "#/$defs/lists"}},
        "$defs": {"tree": tree, "lists": lists},
    }

    assert types_in(payload=schema) == (
        'class TPayloadTree(TypedDict):\n    left: NotRequired["TPayloadTree"]\n    up: NotRequired["TPayload"]\n'
        'TPayloadLists: TypeAlias = list["TPayloadLists"]\n'
        "class TPayload(TypedDict):\n    tree: NotRequired[TPayloadTree]\n    lists: NotRequired[TPayloadLists]"
    )


@pytest.mark.parametrize(
    "way_round",
    [
        {"anyOf": [{"$ref": "#"}, {"type": "null"}], "description": "x"},
        {"anyOf": [{"$ref": "#"}, {"type": "null"}], "type": ["object", "null"]},
        {"allOf": [{"$ref": "#"}, {"properties": {"b": TEXT}}]},
        {"type": "array", "items": {"allOf": [{"$ref": "#"}]}},
        {"type": "object", "additionalProperties": {"oneOf": [{"$ref": "#"}, TEXT]}},
    ],
    ids=str,
)
def test_every_way_back_to_itself_ends(way_round: Any) -> None:
    schema = {"type": "object", "properties": {"again": way_round, "a": TEXT}}

    module = module_of({"t": {"payload": schema}})

    assert is_of({"a": "x"}, module.TPayload, module)
    assert not is_of({"a": 3}, module.TPayload, module)


def test_alternatives_are_told_apart_by_their_keys() -> None:
    deep = {"type": "object", "properties": {"z": TEXT}}
    schema = {
        "type": "object",
        "properties": {"a": TEXT, "b": deep},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["a"], "title": "the first again"}],
    }

    assert types_in(payload=schema) == (
        "class TPayloadB(TypedDict):\n    z: NotRequired[str]\n"
        "class TPayload1(TypedDict):\n    a: str\n    b: NotRequired[TPayloadB]\n"
        "class TPayload2(TypedDict):\n    a: NotRequired[str]\n    b: TPayloadB\n"
        "TPayload: TypeAlias = TPayload1 | TPayload2"
    )


def test_alternatives_that_say_the_same_of_keys_are_one() -> None:
    schema = {
        "type": "object",
        "properties": {"a": TEXT},
        "anyOf": [{"minProperties": 1}, {"properties": {"a": {"minLength": 3}}}],
    }

    assert types_in(payload=schema) == "class TPayload(TypedDict):\n    a: NotRequired[str]"


def test_too_many_alternatives_are_as_wide_as_what_is_beside_them() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": TEXT},
        "anyOf": [{"required": [f"k{number}"]} for number in range(100)],
    }

    assert types_in(payload=schema) == "class TPayload(TypedDict):\n    a: str"


def test_what_is_referred_to_from_many_sides_is_read_once() -> None:
    both = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(60)}
    last = {"type": "object", "properties": {"a": TEXT}}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**both, "d60": last}}

    assert "a: NotRequired[str]" in types_in(payload=schema)


# --- what passes the schema passes the type --------------------------------------------------------------------------


def _of_formats() -> list[Case]:
    return [Case({"type": "string", "format": name}, good, []) for name, (good, _) in FORMATS.items()]


@pytest.mark.parametrize("case", [*CASES, *_of_formats()], ids=lambda case: str(case.schema)[:80])
def test_no_type_refuses_what_the_schema_accepts(case: Case) -> None:
    inner = {"type": "object", "properties": {"deep": case.schema}} if "$ref" not in str(case.schema) else None
    tasks = {"t": {"result": case.schema}, "u": {"result": inner or {}}}

    module = module_of(tasks)

    for value in case.accepts:
        assert is_of(value, module.TResult, module), value
        assert is_of({"deep": value}, module.UResult, module), value

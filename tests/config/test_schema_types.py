"""What a JSON Schema promises of a value, as a type."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kongflow.config.types.from_schema import payload_type, type_of
from kongflow.config.types.reading import keys_of, read
from kongflow.config.types.type import ANYTHING, UNKNOWN, Presence
from kongflow.config.types.words import described
from kongflow.core.schema import PayloadSchema
from kongflow.errors import InvalidConfig


def words(schema: object, resources: dict | None = None) -> str:
    return described(type_of(PayloadSchema.compile(schema, resources)), 3)


A = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
B = {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (True, "any"),
        ({}, "any"),
        ({"description": "x"}, "any"),
        ({"type": "null"}, "null"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "integer", "minimum": 1}, "integer"),
        ({"type": "number"}, "number"),
        ({"type": "number", "multipleOf": 1}, "integer"),
        ({"type": "number", "multipleOf": 5.0}, "integer"),
        ({"type": "number", "multipleOf": 0.5}, "number"),
        ({"enum": [f"value {number}" for number in range(50_000)]}, "one of 50000 texts"),
        ({"oneOf": [{"type": "object", "required": [f"k{number}"]} for number in range(5_000)]}, "any"),
        ({"type": "string", "format": "uuid", "pattern": "a"}, "text"),
        ({"type": ["string", "null"]}, "text | null"),
        ({"enum": ["b", "a"]}, "'a' | 'b'"),
        ({"enum": ["a", 1, 1.5, True, None]}, "'a' | 1 | 1.5 | true | null"),
        ({"enum": list("abcdef")}, "one of 6 texts"),
        ({"const": 1.0}, "1.0"),
        ({"const": {"a": 1}}, "{}"),
        ({"const": [1]}, "list of any"),
        ({"type": "string", "enum": ["a", 1]}, "'a'"),
        ({"type": "array"}, "list of any"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "array", "items": False, "prefixItems": [{"type": "integer"}]}, "list of any"),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}},
            "list of integer | text",
        ),
        ({"type": "object"}, "{}"),
        (A, "{a: text}"),
        ({**A, "required": []}, "{a?: text}"),
        ({"type": "object", "required": ["z"]}, "{z: any}"),
        ({"type": "object", "properties": {"a": {"default": 1, "type": "integer"}}}, "{a: integer}"),
        ({"type": "object", "properties": {"a": False, "b": {}}}, "{b?: any}"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "{*: integer}"),
        ({**A, "additionalProperties": {}}, "{a: text}"),
        ({"properties": {"a": {}}}, "{a?: any}"),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}, "text"),
        ({"type": "string", "$ref": "#/$defs/x", "$defs": {"x": {"enum": ["a", 1]}}}, "'a'"),
        ({"allOf": [A, B]}, "{a: text, b: integer}"),
        ({"allOf": [{"properties": {"a": {"type": "string"}}}, {"type": "object", "required": ["a"]}]}, "{a: text}"),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "integer"]}]}, "null"),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, "integer"),
        ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, "'b'"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "any"),
        (
            {"allOf": [{"type": "array", "items": {"enum": [1, 2]}}, {"type": "array", "items": {"enum": [2]}}]},
            "list of 2",
        ),
        ({"anyOf": [A, {"type": "null"}]}, "{a: text} | null"),
        ({"oneOf": [A, B]}, "{a: text} | {b: integer}"),
        ({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}, {"type": "string"}]}, "text"),
        ({"anyOf": [A, {}]}, "any"),
        ({"type": "object", "properties": {"k": {}}, "anyOf": [A, B]}, "{k?: any, a: text} | {k?: any, b: integer}"),
        ({"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "{a: any} | {b: any}"),
        ({"type": "string", "if": {}}, "any"),
        ({"type": "string", "not": {"const": "a"}}, "any"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "any"),
        ({"type": "object", "dependentSchemas": {}}, "any"),
        ({"allOf": [A, {"not": {"required": ["x"]}}]}, "any"),
        ({"anyOf": [A, {"if": {}}]}, "any"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_a_schema_as_a_type(schema: object, type_: str) -> None:
    assert words(schema) == type_


def test_references_lead_to_other_files_too() -> None:
    other = {"$defs": {"name": {"type": ["string", "null"]}}}
    schema = {"type": "object", "properties": {"name": {"$ref": "other.json#/$defs/name"}}}

    assert words(schema, {"other.json": other}) == "{name?: text | null}"


def test_a_default_is_there_where_it_is_filled_in_and_only_there() -> None:
    filled = {"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {"$ref": "#/$defs/y"}}}, "y": {"default": 1}}}
    inside = {"allOf": [{"properties": {"a": {"default": 1}}}]}

    assert words(filled) == "{a: any}"
    assert words(inside) == "{a?: any}"


def test_a_schema_that_refers_to_itself_is_followed_as_far_as_asked() -> None:
    node = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}, "id": {"type": "string"}}}
    found = type_of(PayloadSchema.compile(node))
    for _ in range(20):
        found = read(found, "next").type

    assert keys_of(found) == ("id", "next")


def test_a_payload_is_an_object_whatever_its_schema_says() -> None:
    assert described(payload_type(None)) == "{}"
    assert described(payload_type(PayloadSchema.compile({"not": {}}))) == "{}"
    assert described(payload_type(PayloadSchema.compile({"type": ["object", "null"]}))) == "{}"
    assert described(payload_type(PayloadSchema.compile({"type": "string"}))) == "{}"
    assert described(payload_type(PayloadSchema.compile({"properties": {"a": {}}}))) == "{a?: any}"


CLOSED = {**A, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "presence"),
    [
        (CLOSED, {Presence.NEVER}),
        (A, {Presence.UNLISTED}),
        ({"type": "object"}, {Presence.FREE}),
        ({**A, "patternProperties": {"^x": {}}}, {Presence.SILENT}),
        ({**A, "propertyNames": {"maxLength": 5}}, {Presence.SILENT}),
        ({**A, "additionalProperties": {"type": "string"}}, {Presence.MAYBE}),
        ({"allOf": [A, {"type": "object"}]}, {Presence.UNLISTED}),
        ({"allOf": [A, CLOSED]}, {Presence.NEVER}),
        ({"allOf": [A, {"required": ["x"]}]}, {Presence.ALWAYS}),
        ({"oneOf": [CLOSED, {"type": "object", "properties": {"x": {}}}]}, {Presence.NEVER, Presence.MAYBE}),
        ({"type": "object", "properties": {"x": False}}, {Presence.NEVER}),
    ],
    ids=lambda value: json.dumps(sorted(value) if isinstance(value, set) else value),
)
def test_whether_an_object_has_a_key(schema: object, presence: set[Presence]) -> None:
    assert read(type_of(PayloadSchema.compile(schema)), "x").presences == presence


def test_alternatives_without_end_are_not_multiplied_out() -> None:
    branches = [{"anyOf": [{"properties": {f"{i}_{j}": {}}} for j in range(10)]} for i in range(6)]
    twice = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]} for i in range(15)}

    assert type_of(PayloadSchema.compile({"allOf": branches})) == UNKNOWN
    assert words({"$ref": "#/$defs/d0", "$defs": {**twice, "d15": A}}) == "{a: text}"


def test_a_chain_of_references_is_followed_to_a_bound() -> None:
    chain = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(300)}

    assert type_of(PayloadSchema.compile({"$ref": "#/$defs/d0", "$defs": {**chain, "d300": A}})) == UNKNOWN


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.sampled_from(
    [True, False, {}, {"type": "string"}, {"type": ["integer", "null"]}, {"enum": [1, "a", None]}, {"$ref": "#"}]
)


def _composed(inner: st.SearchStrategy) -> st.SearchStrategy:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", ["object", "null"], "string"]),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, unique=True, max_size=2),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(NAMES, inner, max_size=1),
            "items": inner,
            "prefixItems": several,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "default": st.sampled_from([1, {}, None]),
            "$ref": st.just("#/properties/a"),
        },
    )


SCHEMAS = st.recursive(LEAVES, _composed, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(SCHEMAS)
def test_any_schema_has_a_type(schema: object) -> None:
    try:
        compiled = PayloadSchema.compile(schema)
    except InvalidConfig:
        return
    found = payload_type(compiled)
    described(found, 3)
    for key in ("a", "b", "a", "c"):
        found = read(found, key).type
    assert found is not None
    assert read(ANYTHING, "a").type == ANYTHING

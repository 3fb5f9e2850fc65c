"""Schemas that are valid and cannot be meant: what is said of them holds, and of others nothing is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_faults import nothing_fits, takes_no_object, unfit_defaults
from kongflow.errors import InvalidConfig, InvalidPayload

CLOSED = {"additionalProperties": False, "properties": {"a": {}}}


def faults(schema: Any, resources: dict[str, Any] | None = None) -> list[tuple[str | int, ...]]:
    compiled = PayloadSchema.compile(schema, resources)
    return [problem.path for problem in nothing_fits(schema, compiled.references.resolver)]


def defaults(schema: Any, resources: dict[str, Any] | None = None) -> list[tuple[tuple[str | int, ...], str]]:
    found = unfit_defaults(PayloadSchema.compile(schema, resources))
    return [(problem.path, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"enum": []}, ("enum",)),
        ({"type": "string", "enum": [1, None]}, ("enum",)),
        ({"type": ["integer", "null"], "const": 1.5}, ("const",)),
        ({"minLength": 2, "maxLength": 1}, ("minLength",)),
        ({"type": "array", "minItems": 2, "maxItems": 1}, ("minItems",)),
        ({"type": ["number", "null"], "minimum": 2, "maximum": 1.5}, ("minimum",)),
        ({"type": "integer", "minimum": 2, "exclusiveMaximum": 2}, ("minimum",)),
        ({"exclusiveMinimum": 2, "exclusiveMaximum": 2}, ("exclusiveMinimum",)),
        ({**CLOSED, "required": ["a", "b"]}, ("required", 1)),
        ({**CLOSED, "required": ["b"], "allOf": [{"properties": {"b": {}}}]}, ("required", 0)),
        ({"properties": {"a": False}, "required": ["a"]}, ("required", 0)),
        ({"properties": {"a": {"items": {"enum": []}}}}, ("properties", "a", "items", "enum")),
        ({"anyOf": [{"type": "null"}, {**CLOSED, "required": ["b"]}]}, ("anyOf", 1, "required", 0)),
        ({"$defs": {"a": {"enum": []}}}, ("$defs", "a", "enum")),
    ],
)
def test_what_nothing_fits_is_found_where_it_stands(schema: Any, path: tuple[str | int, ...]) -> None:
    assert faults(schema) == [path]


@pytest.mark.parametrize(
    "schema",
    [
        True,
        False,
        {"properties": {"a": False}},
        {"additionalProperties": False},
        {**CLOSED, "required": ["a"]},
        {**CLOSED, "required": ["b"], "patternProperties": {"^b": {}}},
        {**CLOSED, "required": ["b"], "type": "string"},
        {"properties": {"a": {}}, "required": ["b"]},
        {"unevaluatedProperties": False, "required": ["b"], "allOf": [{"properties": {"b": {}}}]},
        {"type": "string", "minimum": 2, "maximum": 1},
        {"minimum": 2, "maximum": 2, "minLength": 2, "maxLength": 2},
        {"type": "integer", "enum": [1.0, "x"]},
        {"type": "number", "const": 1},
        {"not": {"enum": []}, "if": {"enum": []}, "contains": {"minimum": 2, "maximum": 1}},
        {"default": {"enum": []}, "examples": [{"enum": []}], "const": {"enum": []}},
    ],
)
def test_of_what_something_fits_nothing_is_said(schema: Any) -> None:
    assert faults(schema) == []


@pytest.mark.parametrize(
    ("schema", "refuses"),
    [
        ({"type": "array"}, True),
        ({"type": ["string", "null"]}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, True),
        ({"enum": ["a"]}, True),
        ({}, False),
        ({"type": ["object", "null"]}, False),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, False),
    ],
)
def test_a_schema_that_takes_no_object_is_known_by_its_types(schema: Any, refuses: bool) -> None:
    assert takes_no_object(PayloadSchema.compile(schema)) is refuses


TEXT = {"type": "string", "default": 1}


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"properties": {"a": TEXT}}, ("properties", "a", "default"), "$.a: expected text, got 1"),
        (
            {"properties": {"a": {**TEXT, "default": None}}},
            ("properties", "a", "default"),
            "$.a: expected text, got null",
        ),
        (
            {"properties": {"a": {"properties": {"b": TEXT}}}},
            ("properties", "a", "properties", "b", "default"),
            "$.a.b: expected text, got 1",
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": TEXT}},
            ("$defs", "x/y", "default"),
            "$.a: expected text, got 1",
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/t", "default": 2}}, "$defs": {"t": {"type": "string"}}},
            ("properties", "a", "default"),
            "$.a: expected text, got 2",
        ),
        ({"properties": {"a": {"$ref": "b.json"}}}, ("properties", "a", "$ref"), "$.a: expected text, got 1"),
        (
            {"properties": {"a": {"default": {}, "required": ["b"]}}},
            ("properties", "a", "default"),
            "$.a.b: is required and missing",
        ),
        (
            {"properties": {"a": {"default": {}, "properties": {"b": TEXT}}}},
            ("properties", "a", "properties", "b", "default"),
            "$.a.b: expected text, got 1",
        ),
        (
            {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}, "a": TEXT}}}},
            ("$defs", "n", "properties", "a", "default"),
            "$.a: expected text, got 1",
        ),
    ],
)
def test_a_default_that_is_refused_is_found_where_it_stands(
    schema: Any, path: tuple[str | int, ...], message: str
) -> None:
    assert defaults(schema, {"b.json": TEXT}) == [(path, message)]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "string", "default": "x"}}},
        {"properties": {"a": {"items": {"properties": {"b": TEXT}}}}},
        {"items": TEXT, "anyOf": [{"properties": {"a": TEXT}}, {}], "default": 5, "type": "object"},
        {"properties": {"a": {"default": 1}}, "if": {"required": ["z"]}, "else": {"properties": {"a": {"const": 2}}}},
        {"properties": {"a": {"default": 1}}, "anyOf": [{"properties": {"a": {"const": 2}}}, {"required": ["z"]}]},
        {"properties": {"a": {"default": {}, "required": ["b"], "properties": {"b": {"default": 1}}}}},
        {"properties": {"n": {"$ref": "#"}, "a": {"default": 1}}},
    ],
)
def test_of_a_default_that_may_fit_nothing_is_said(schema: Any) -> None:
    assert defaults(schema) == []


VALUES = st.sampled_from([None, 1, "x", [], {}, {"a": 1}, {"b": "x"}])
PLAIN = st.sampled_from(
    [{}, {"type": "string"}, {"type": ["integer", "null"]}, {"enum": [1, "x"]}, {"minimum": 5}, {"$ref": "#/$defs/d"}]
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return st.fixed_dictionaries(
        {"properties": properties},
        optional={
            "type": st.just("object"),
            "required": st.lists(st.sampled_from("abc"), unique=True, max_size=2),
            "additionalProperties": st.booleans(),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "else": inner,
            "if": inner,
        },
    )


def _with_default(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda schema, value: {**schema, "default": value}, inner, VALUES)


INNER = st.recursive(
    PLAIN | _with_default(PLAIN), lambda inner: _objects(inner) | _with_default(_objects(inner)), max_leaves=5
)


@settings(max_examples=80)
@given(_objects(INNER), INNER, st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_a_payload_without_a_field_of_an_unfit_default_never_fits(top: Any, named: Any, payload: Any) -> None:
    schema = {**top, "$defs": {"d": {key: value for key, value in named.items() if key != "$ref"}}}
    try:
        compiled = PayloadSchema.compile(schema)
    except InvalidConfig:
        return
    for problem in unfit_defaults(compiled):
        name = problem.message.removeprefix("$.")[:1]
        if problem.path[:2] == ("properties", name) and problem.path[2:] == ("default",) and name not in payload:
            with pytest.raises(InvalidPayload):
                compiled.check_added(payload)

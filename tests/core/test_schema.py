"""Payload schemas: what is accepted, what is filled in, what is forgiven, and in which words it is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kongflow.core.schema import MAX_PROBLEMS, PayloadSchema
from kongflow.errors import InvalidConfig, InvalidPayload

RUN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "mode": {"enum": ["fast", "safe"]},
        "retries": {"type": "integer", "minimum": 0, "default": 3},
        "items": {"type": "array", "items": {"type": "object", "required": ["id"]}},
    },
}


def added(schema: Any, value: Any, **more: Any) -> Any:
    return PayloadSchema.compile(schema, **more).check_added(value)


def run(schema: Any, value: Any) -> Any:
    return PayloadSchema.compile(schema).check_run(value)


def problems(schema: Any, value: Any) -> list[str]:
    with pytest.raises(InvalidPayload) as caught:
        added(schema, value)
    return list(caught.value.problems)


# --- the words -------------------------------------------------------------------------------------------------------


def test_every_problem_is_listed_with_its_path() -> None:
    value = {"id": 5, "mode": "fsat", "retries": -1, "items": [{"id": 1}, {}, 7], "extra": 1}
    assert sorted(problems(RUN, value)) == [
        "$.extra: is not declared",
        "$.id: expected text, got 5",
        "$.items[1].id: is required and missing",
        "$.items[2]: expected an object, got 7",
        '$.mode: expected one of "fast", "safe", got "fsat"; did you mean \'fast\'?',
        "$.retries: expected at least 0, got -1",
    ]


def test_one_problem_is_one_line_and_several_are_a_list() -> None:
    with pytest.raises(InvalidPayload) as one:
        added(RUN, {"id": 5})
    with pytest.raises(InvalidPayload) as two:
        added(RUN, {"id": 5, "x": 1})
    assert str(one.value) == "the payload does not match its schema: $.id: expected text, got 5"
    assert str(two.value).splitlines()[0] == "the payload does not match its schema:"
    assert len(str(two.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("schema", "value", "line"),
    [
        ({"type": ["string", "null"]}, 5, "expected text or null, got 5"),
        ({"type": "object"}, [1], "expected an object, got a list"),
        ({"type": "array"}, {"a": 1}, "expected a list, got an object"),
        ({"type": "boolean"}, "true", 'expected true or false, got "true"'),
        ({"type": "integer"}, 1.5, "expected an integer, got 1.5"),
        ({"const": "a"}, None, 'expected "a", got null'),
        ({"maximum": 3}, 4, "expected at most 3, got 4"),
        ({"exclusiveMinimum": 3}, 3, "expected more than 3, got 3"),
        ({"exclusiveMaximum": 3}, 3, "expected less than 3, got 3"),
        ({"multipleOf": 5}, 3, "expected a multiple of 5, got 3"),
        ({"minLength": 1}, "", "expected at least 1 character, got 0"),
        ({"maxLength": 2}, "abc", "expected at most 2 characters, got 3"),
        ({"minItems": 2}, [1], "expected at least 2 items, got 1"),
        ({"maxItems": 0}, [1], "expected at most 0 items, got 1"),
        ({"minProperties": 1}, {}, "expected at least 1 field, got 0"),
        ({"maxProperties": 0}, {"a": 1}, "expected at most 0 fields, got 1"),
        ({"pattern": "^run_"}, "x", 'expected text that matches ^run_, got "x"'),
        ({"format": "date"}, "x", 'expected text in the format date, got "x"'),
        ({"uniqueItems": True}, [1, 1], "expected a list without repetitions"),
        ({"not": {"type": "null"}}, None, "fits what the schema excludes"),
        ({"contains": {"const": 1}}, [2], "the list does not hold the items that the schema asks for"),
        ({"oneOf": [{}, {}]}, 1, "fits more than one of the forms of which it must fit exactly one"),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            'the key "ab" is not allowed: expected at most 1 character, got 2',
        ),
        (False, 1, "is not allowed here"),
        ({"enum": [1, None]}, "x" * 99, 'expected one of 1, null, got "' + "x" * 58 + "…"),
    ],
)
def test_a_problem_says_what_was_expected_and_what_came(schema: Any, value: Any, line: str) -> None:
    assert problems(schema, value) == [f"$: {line}"]


@pytest.mark.parametrize(
    ("schema", "value", "lines"),
    [
        ({"additionalProperties": False}, {"a": 1, "b": 2}, ["$.a: is not declared", "$.b: is not declared"]),
        ({"unevaluatedProperties": False}, {"a": 1}, ["$.a: is not declared"]),
        ({"unevaluatedItems": False}, [1], ["$: holds an item that is not declared"]),
        ({"required": ["a b"]}, {}, ["$['a b']: is required and missing"]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["$.b: is required and missing"]),
        ({"properties": {"a": {"properties": {"b": False}}}}, {"a": {"b": 1}}, ["$.a.b: is not allowed here"]),
        ({"items": False}, [1], ["$[0]: is not allowed here"]),
    ],
)
def test_a_problem_stands_at_the_field_that_it_is_about(schema: Any, value: Any, lines: list[str]) -> None:
    assert problems(schema, value) == lines


def test_of_types_alone_all_are_named() -> None:
    assert problems({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1) == ["$: expected text or null, got 1"]


def test_of_several_forms_the_nearest_is_explained() -> None:
    pet = {
        "oneOf": [
            {"properties": {"kind": {"const": "cat"}}, "required": ["kind", "lives"]},
            {"properties": {"kind": {"const": "dog"}}, "required": ["kind", "name", "tricks"]},
        ]
    }
    assert problems(pet, {"kind": "dog", "name": "Rex"}) == [
        "$.tricks: is required and missing (in the nearest of 2 allowed forms)"
    ]


def test_no_more_problems_are_listed_than_a_person_reads() -> None:
    lines = problems({"items": {"type": "string"}}, list(range(1_000)))
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == f"… and more: only the first {MAX_PROBLEMS} problems are listed"


def test_a_large_payload_is_explained_with_paths_too() -> None:
    value = {"rows": [{"n": 1} for _ in range(3_000)] + [{"n/~": "x"}]}
    schema = {"properties": {"rows": {"items": {"properties": {"n/~": {"type": "integer"}}}}}}
    assert problems(schema, value) == ['$.rows[3000][\'n/~\']: "x" is not of type "integer"']


# --- defaults --------------------------------------------------------------------------------------------------------


def test_defaults_are_filled_in_before_the_check() -> None:
    schema = {"required": ["a"], "properties": {"a": {"type": "integer", "default": 1}}}
    assert added(schema, {}) == {"a": 1}
    assert run(schema, {}) == {"a": 1}


def test_the_payload_of_the_caller_stays_as_it_is() -> None:
    payload = {"o": {}}
    filled = added({"properties": {"o": {"properties": {"x": {"default": 1}}}}}, payload)
    assert (payload, filled) == ({"o": {}}, {"o": {"x": 1}})


def test_a_default_is_a_new_value_each_time() -> None:
    schema = PayloadSchema.compile({"properties": {"tags": {"default": []}, "o": {"default": {"a": [1]}}}})
    first = schema.check_added({})
    first["tags"].append("x")
    first["o"]["a"].append(2)
    assert schema.check_added({}) == {"tags": [], "o": {"a": [1]}}


@pytest.mark.parametrize(
    ("schema", "value", "filled"),
    [
        ({"properties": {"a": {"default": None}}}, {}, {"a": None}),
        ({"properties": {"a": {"default": 1}}}, {"a": None}, {"a": None}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {}, {}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {"a": {}}, {"a": {"b": 1}}),
        ({"properties": {"a": {"properties": {"b": {"default": 1}}}}}, {"a": "text"}, {"a": "text"}),
        ({"properties": {"a": {"default": {}, "properties": {"b": {"default": 1}}}}}, {}, {"a": {"b": 1}}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {"default": 1}}}}}, {}, {"a": 1}),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"default": 1}}}, {}, {"a": 1}),
        ({"properties": {"a": {"$ref": "#/$defs/x", "default": 2}}, "$defs": {"x": {"default": 1}}}, {}, {"a": 2}),
        (
            {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"properties": {"b": {"default": 1}}}}},
            {"a": {}},
            {"a": {"b": 1}},
        ),
        (
            {"properties": {"n": {"$ref": "#"}, "v": {"default": 0}}},
            {"n": {"n": {}}},
            {"n": {"n": {"v": 0}, "v": 0}, "v": 0},
        ),
        ({"items": {"properties": {"a": {"default": 1}}}}, [{}], [{}]),
        ({"additionalProperties": {"properties": {"a": {"default": 1}}}}, {"x": {}}, {"x": {}}),
        ({"anyOf": [{"properties": {"a": {"default": 1}}}]}, {}, {}),
        ({"allOf": [{"properties": {"a": {"default": 1}}}]}, {}, {}),
        ({"if": {}, "then": {"properties": {"a": {"default": 1}}}}, {}, {}),
        ({"default": {"a": 1}}, {}, {}),
        ({"properties": {"default": {"default": "x"}}}, {}, {"default": "x"}),
        ({"properties": {"a": True}}, {}, {}),
    ],
)
def test_defaults_go_along_properties_and_references_only(schema: Any, value: Any, filled: Any) -> None:
    assert added(schema, copy.deepcopy(value)) == filled


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"child": {"$ref": "#", "default": {}}}},
        {
            "properties": {"a": {"$ref": "#/$defs/x", "default": {}}},
            "$defs": {
                "x": {"properties": {"b": {"$ref": "#/$defs/y", "default": {"c": 1}}}},
                "y": {"properties": {"d": {"$ref": "#/$defs/x", "default": {}}}},
            },
        },
    ],
)
def test_a_default_that_leads_into_itself_is_a_problem_of_the_schema(schema: Any) -> None:
    with pytest.raises(InvalidConfig, match="leads into itself"):
        PayloadSchema.compile(schema)


def test_a_recursive_schema_may_have_defaults_that_end() -> None:
    schema = {"properties": {"child": {"$ref": "#", "default": {"child": None}}, "n": {"default": 1}}}
    filled = added(schema, {})
    assert filled == {"child": {"child": None, "n": 1}, "n": 1}
    assert added(schema, filled) == filled


def test_a_default_that_its_own_schema_refuses_is_refused() -> None:
    assert problems({"properties": {"a": {"type": "string", "default": 1}}}, {}) == ["$.a: expected text, got 1"]


# --- running: what an older runner forgives --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (RUN, {"id": "x", "new": 1, "newer": 2}),
        ({"additionalProperties": False}, {"a": 1, "b": 2}),
        ({"unevaluatedProperties": False, "allOf": [{"properties": {"a": {}}}]}, {"a": 1, "b": 2}),
        ({"properties": {"o": {"additionalProperties": False}}}, {"o": {"x": 1}}),
        ({"items": {"properties": {"a": {}}, "additionalProperties": False}}, [{"x": 1}, {"a": 1, "y": 1}]),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {}}, "additionalProperties": False}}}, {"b": 1}),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False}]}, {"b": 1}),
        ({"if": True, "then": {"properties": {"a": {}}, "additionalProperties": False}}, {"b": 1}),
        ({"properties": {"oneOf": {"additionalProperties": False}}}, {"oneOf": {"x": 1}}),
        (
            {"properties": {"anyOf": {"properties": {"not": {"additionalProperties": False}}}}},
            {"anyOf": {"not": {"x": 1}}},
        ),
    ],
)
def test_an_undeclared_field_is_refused_when_added_and_forgiven_when_run(schema: Any, value: Any) -> None:
    assert problems(schema, value)
    ran = run(schema, value)
    assert (ran | value if isinstance(value, dict) else value) == ran


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (RUN, {"id": 5, "new": 1}),
        (RUN, {"new": 1}),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}),
        ({"properties": {"additionalProperties": False}}, {"additionalProperties": 1}),
        ({"properties": {"a": {"properties": {"unevaluatedProperties": False}}}}, {"a": {"unevaluatedProperties": 1}}),
        ({"anyOf": [{"additionalProperties": False}]}, {"a": 1}),
        ({"oneOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"required": ["z"]}]}, {"b": 1}),
        ({"not": {"not": {"additionalProperties": False}}}, {"a": 1}),
        ({"if": {"additionalProperties": False}, "else": {"required": ["z"]}}, {"a": 1}),
        ({"anyOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"additionalProperties": False}}}, {"a": 1}),
        ({"properties": {"a": {"additionalProperties": False}}, "required": ["b"]}, {"a": {"x": 1}}),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}),
        ({"maxProperties": 1, "properties": {"a": {}}, "additionalProperties": False}, {"a": 1, "b": 2}),
    ],
)
def test_nothing_else_is_forgiven(schema: Any, value: Any) -> None:
    with pytest.raises(InvalidPayload):
        run(schema, value)


# --- results ---------------------------------------------------------------------------------------------------------


def test_a_result_is_checked_exactly_as_it_is() -> None:
    schema = PayloadSchema.compile({"required": ["a"], "properties": {"a": {"default": 1}}})
    schema.check_result({"a": 2})
    with pytest.raises(InvalidPayload, match=r"the result does not match its schema: \$\.a: is required"):
        schema.check_result({})


def test_a_result_may_be_any_json_value() -> None:
    PayloadSchema.compile({"type": "null"}).check_result(None)
    PayloadSchema.compile({"items": {"type": "integer"}}).check_result([1, 2])


# --- compiling -------------------------------------------------------------------------------------------------------


def test_a_schema_with_problems_is_not_compiled() -> None:
    with pytest.raises(InvalidConfig, match=r"the schema is not valid: \$\.type: expected one of"):
        PayloadSchema.compile({"type": "strng"})


def test_schemas_are_equal_where_they_are_written_alike() -> None:
    assert PayloadSchema.compile(RUN) == PayloadSchema.compile(copy.deepcopy(RUN))
    assert PayloadSchema.compile(RUN) != PayloadSchema.compile({})

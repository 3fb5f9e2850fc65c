"""Two engines, one verdict: jsonschema-rs, which runs, and jsonschema, the reference in Python, agree."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.schema import PayloadSchema
from kongflow.errors import InvalidPayload
from tests.core.schema_corpus import CASES, FORMATS, Case


def ours(schema: Any, value: Any) -> bool:
    return accepts(PayloadSchema.compile(schema), value)


def accepts(schema: PayloadSchema, value: Any) -> bool:
    try:
        schema.check_result(value)
    except InvalidPayload as error:
        assert error.problems  # noqa: PT017, a refusal always has a reason
        return False
    return True


def theirs(schema: Any, value: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case.schema)[:60])
def test_both_engines_accept_and_refuse_what_the_corpus_says(case: Case) -> None:
    for value in case.accepts:
        assert (ours(case.schema, value), theirs(case.schema, value)) == (True, True), value
    for value in case.refuses:
        assert (ours(case.schema, value), theirs(case.schema, value)) == (False, False), value


def test_decimal_fractions_are_exact() -> None:
    """The one known difference: jsonschema divides floats, so that 19.99 is no multiple of 0.01 to it."""
    assert ours({"multipleOf": 0.01}, 19.99)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert sum(len(case.accepts) + len(case.refuses) for case in CASES) >= 250


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_checked(name: str) -> None:
    right, wrong = FORMATS[name]
    assert [text for text in right if not ours({"format": name}, text)] == []
    assert [text for text in wrong if ours({"format": name}, text)] == []
    assert ours({"format": name}, 5)


def test_a_format_that_nobody_knows_is_a_note() -> None:
    assert ours({"format": "account-number"}, "anything")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.sampled_from([0.5, 1.0, -2.5])
    | st.text(alphabet="abk1 é👍", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abk"), inner, max_size=3),
    max_leaves=8,
)

SCHEMAS = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "object", "array", "null", "boolean"]),
            "minimum": st.integers(-5, 5),
            "maxLength": st.integers(0, 3),
            "minItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "required": st.lists(st.sampled_from("abk"), unique=True, max_size=2),
            "pattern": st.sampled_from(["^a", "b", "k$"]),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abk"), inner, max_size=2),
            "additionalProperties": inner,
            "unevaluatedProperties": st.just(False),
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    ),
    max_leaves=6,
)


@given(schema=SCHEMAS, value=VALUES)
def test_both_engines_agree_on_schemas_that_nobody_wrote(schema: Any, value: Any) -> None:
    assert ours(schema, value) == theirs(schema, value)


BOTH = [(PayloadSchema.compile(case.schema), jsonschema.Draft202012Validator(case.schema)) for case in CASES]


@given(value=VALUES)
def test_both_engines_agree_on_payloads_that_nobody_wrote(value: Any) -> None:
    for schema, reference in BOTH:
        assert accepts(schema, value) == reference.is_valid(value), schema.schema

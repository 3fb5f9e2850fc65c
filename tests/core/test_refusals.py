"""Refusals: as a runner checks what it claims, and without a word of the payload."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.refusals import Refusal, claimed_payload, refusals
from kongflow.core.schema_errors import MAX_EXPLAINED
from kongflow.errors import InvalidPayload
from tests.builders import make_task
from tests.core.schema_corpus import CASES

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 2},
        "colour": {"enum": ["red", "blue"]},
        "times": {"type": "integer", "minimum": 1, "default": 1},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "by name": {"additionalProperties": {"$ref": "#/$defs/size"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["x"]}]},
    },
    "$defs": {"size": {"multipleOf": 5}},
}
TASK = make_task("work", payload=SCHEMA)

NAMES = st.sampled_from([*SCHEMA["properties"], "x", "n", "other"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "red", "green", "blue"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def is_run(task: Any, payload: Any) -> bool:
    try:
        claimed_payload(task, payload)
    except InvalidPayload:
        return False
    return True


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"id": "ab"}, ()),
        ({"id": "ab", "undeclared": 1}, ()),
        ({}, (("$.id", "is required and missing"),)),
        ({"id": "a", "undeclared": 1}, (("$.id", "expected at least 2 characters"),)),
        ({"id": "ab", "colour": "green"}, (("$.colour", 'expected one of "red", "blue"'),)),
        ({"id": "ab", "lines": [{"n": 1}, {"n": "two"}, {"n": "three"}]}, (("$.lines[*].n", "expected an integer"),)),
        ({"id": "ab", "by name": {"secret": 7}}, (("$['by name'].*", "expected a multiple of 5"),)),
        ({"id": "ab", "either": {"y": 1}}, (("$.either", "fits none of the allowed forms"),)),
        (["no", "object"], (("$", "expected an object"),)),
    ],
)
def test_a_refusal_says_what_the_schema_asks_for(payload: Any, expected: tuple[tuple[str, str], ...]) -> None:
    assert refusals(TASK, payload) == tuple(Refusal(*each) for each in expected)


@given(VALUES)
def test_what_is_refused_is_what_a_runner_refuses(payload: Any) -> None:
    assert (refusals(TASK, payload) == ()) == is_run(TASK, payload)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.schema)[:60])
def test_so_it_is_with_every_schema_of_the_corpus(case: Any) -> None:
    task = make_task("work", payload=case.schema)
    for value in (*case.accepts, *case.refuses):
        assert (refusals(task, value) == ()) == is_run(task, value)


def test_of_a_large_payload_the_first_refusal_is_told() -> None:
    lines = [{"n": "no number"} for _ in range(MAX_EXPLAINED // 10)]
    size = MAX_EXPLAINED + 1
    assert len(refusals(TASK, {"id": "a", "lines": lines, "undeclared": 1}, size)) == 1
    assert len(refusals(TASK, {"id": "a", "lines": lines, "undeclared": 1})) == 2
    assert refusals(TASK, {"id": "ab", "colour": "red", "undeclared": 1}, size) == ()
    assert refusals(TASK, {"id": "a", "undeclared": 1}, size) == (Refusal("$.id", "expected at least 2 characters"),)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.schema)[:60])
def test_a_refusal_holds_no_text_of_the_payload(case: Any) -> None:
    task = make_task("work", payload=case.schema)
    texts = ["SECRET", "SECRET " * 9]
    for value in (*texts, texts, {"SECRET": texts}, *({**value, "SECRET": texts} for value in _objects(case))):
        assert "SECRET" not in str(refusals(task, value))


def _objects(case: Any) -> list[dict[str, Any]]:
    return [value for value in (*case.accepts, *case.refuses) if isinstance(value, dict)]


def test_a_task_without_a_schema_refuses_what_is_no_object() -> None:
    task = make_task("work")
    assert refusals(task, {"anything": 1}) == ()
    assert refusals(task, 5) == (Refusal("$", "expected an object"),)

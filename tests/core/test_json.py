"""The JSON codec: what may be stored, what is refused, and in which words."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.json import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, canonical, dump, load, path_of, printable
from kongflow.errors import InvalidPayload, PayloadTooLarge


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Colour(StrEnum):
    RED = "red"


# --- storing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True, "ü"]}, '{"a":[1,2.5,null,true,"ü"]}'),
        ((1, (2,)), "[1,[2]]"),
        (Colour.RED, '"red"'),
        (MAX_INTEGER, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        ("\x01\u2028", '"\\u0001\u2028"'),
        ({}, "{}"),
    ],
)
def test_json_values_are_stored_as_compact_text(value: Any, text: str) -> None:
    assert dump(value) == text


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        (float("nan"), "$", "is nan, which JSON does not have"),
        ({"a": [0, float("-inf")]}, "$.a[1]", "is -inf"),
        ({"a": 2**63}, "$.a", "beyond 64 bits"),
        ([-(2**63) - 1], "$[0]", "beyond 64 bits"),
        ({"a": "x\x00"}, "$.a", "holds a NUL or a lone surrogate"),
        ({"a": "\ud83d"}, "$.a", "holds a NUL or a lone surrogate"),
        ({"a": {1: 2}}, "$.a", "has the key 1"),
        ({"a": {"\x00": 2}}, "$.a", "has the key"),
        ({"a b": {1, 2}}, "$['a b']", "is a set"),
        ({"a": b"x"}, "$.a", "is a bytes"),
        ([object()], "$[0]", "is a object"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_path(value: Any, path: str, words: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        dump(value)
    assert str(caught.value).startswith(f"the payload cannot be stored: {path} ")
    assert words in str(caught.value)
    assert caught.value.problems[0].startswith(f"{path}: ")


def test_the_error_says_what_it_is_about() -> None:
    with pytest.raises(InvalidPayload, match="the result cannot be stored"):
        dump({1, 2}, "result")


def test_the_depth_is_limited_and_a_value_that_holds_itself_gets_an_answer() -> None:
    dump(nested(MAX_DEPTH))
    endless: list[Any] = []
    endless.append(endless)
    for value in (nested(MAX_DEPTH + 1), nested(100_000), endless, [endless, endless] * 10):
        with pytest.raises(InvalidPayload, match="nested deeper than 64 levels"):
            dump(value)


def test_the_size_is_counted_in_bytes_of_text() -> None:
    dump("x" * (MAX_BYTES - 2))
    for value in ("x" * (MAX_BYTES - 1), "ü" * (MAX_BYTES // 2)):
        with pytest.raises(PayloadTooLarge, match=r"the payload is 1,048,57\d bytes of JSON; at most 1,048,576"):
            dump(value)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), inner)
    ),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_what_is_stored_comes_back_as_it_was(value: Any) -> None:
    assert load(dump(value)) == value


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the payload is empty; an object without properties is {}"),
        ("{'a': 1}", "property name"),
        ("[1, 2", "Expecting"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        ('[{"x": NaN}]', "NaN is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "not valid JSON"),
        ("1 2", "Extra data"),
    ],
)
def test_text_that_is_no_json_is_refused_with_the_reason(text: str | bytes, words: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        load(text)
    assert words in str(caught.value)


def test_good_text_is_read() -> None:
    assert load(b'{"a": [1, "\xc3\xbc"]}') == {"a": [1, "ü"]}


# --- equality, printing, paths ---------------------------------------------------------------------------------------


def test_equal_values_have_one_canonical_text() -> None:
    assert canonical({"b": 1.0, "a": [2, {"d": 0.5, "c": None}]}) == '{"a":[2,{"c":null,"d":0.5}],"b":1}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2.0, "a": 1.0})
    assert canonical([True]) != canonical([1])


@given(JSON_VALUES)
def test_a_canonical_text_means_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value)) == value


def test_text_from_outside_becomes_storable() -> None:
    assert printable("a\x00b\ud800c\n") == "a\\u0000b\\ud800c\n"
    assert printable("x" * 12, limit=10) == "x" * 10 + "… (2 more characters)"
    dump(printable("\x00\udfff" * 100))


def test_a_path_is_written_as_people_write_it() -> None:
    assert path_of(()) == "$"
    assert path_of(("items", 3, "id")) == "$.items[3].id"
    assert path_of(("odd key", "it's", "_a", "1a")) == "$['odd key'][\"it's\"]._a['1a']"

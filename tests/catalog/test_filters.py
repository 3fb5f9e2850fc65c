"""Filters: every operator, the shapes that are none, and that no JSON at all makes them crash."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.eventing.filters import MAX_DEPTH, MAX_STEPS, MAX_TERMS, OPERATORS, InvalidFilter, check_filter, matches

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
names = st.sampled_from(["a", "b", "plan"])
operations = st.dictionaries(st.sampled_from(list(OPERATORS)), anything, min_size=1, max_size=2)
filters = st.recursive(
    st.dictionaries(names, st.lists(anything) | st.lists(operations)),
    lambda inner: st.dictionaries(names, inner | st.lists(anything)),
)


def test_without_a_filter_everything_passes():
    assert matches(None, {"a": 1})
    assert matches(None, None)


@pytest.mark.parametrize(
    ("filter", "value", "passes"),
    [
        ({}, {"a": 1}, True),
        ({"plan": ["pro"]}, {"plan": "pro"}, True),
        ({"plan": ["pro"]}, {"plan": "free"}, False),
        ({"plan": ["pro", "team"]}, {"plan": "team"}, True),
        ({"plan": ["pro"], "seats": [5]}, {"plan": "pro", "seats": 6}, False),
        ({"plan": ["pro"]}, {}, False),
        ({"a": []}, {"a": {"any": "thing"}}, True),
        ({"a": []}, {}, True),
        ({"a": {"b": ["c"]}}, {"a": {"b": "c"}}, True),
        ({"a": {"b": ["c"]}}, {}, False),
        ({"a": {"b": ["c"]}}, {"a": "b"}, False),
        ({"a": {}}, {}, True),
    ],
)
def test_a_field_must_be_one_of_what_is_listed(filter, value, passes):
    assert matches(filter, value) is passes


def test_some_element_of_a_list_must_pass():
    filter = {"tags": {"name": ["x"]}}

    assert matches(filter, {"tags": [{"name": "y"}, {"name": "x"}]})
    assert not matches(filter, {"tags": [{"name": "y"}]})
    assert not matches(filter, {"tags": []})


@pytest.mark.parametrize("nothing", [None, {"a": None}])
def test_nothing_passes_an_empty_filter_only(nothing):
    assert matches({}, None)
    assert matches({"a": {}}, {"a": None})
    assert not matches({"a": {"b": [{"$exists": False}]}}, nothing)
    assert not matches({"a": []}, None)


@pytest.mark.parametrize(
    ("wanted", "value"),
    [([1], True), ([True], 1), ([0], False), (["1"], 1), ([1], "1"), (["null"], None), (["a"], ["a"])],
)
def test_types_are_those_of_json(wanted, value):
    assert not matches({"a": wanted}, {"a": value})


def test_a_number_is_one_however_it_is_written():
    assert matches({"a": [1]}, {"a": 1.0})


@pytest.mark.parametrize(
    ("operator", "value", "passes"),
    [
        ({"$startsWith": "ab"}, "abc", True),
        ({"$startsWith": "b"}, "abc", False),
        ({"$startsWith": "1"}, 12, False),
        ({"$endsWith": "bc"}, "abc", True),
        ({"$endsWith": "ab"}, "abc", False),
        ({"$endsWith": "c"}, ["abc"], False),
        ({"$ignoreCaseEquals": "PRO"}, "pro", True),
        ({"$ignoreCaseEquals": "ÄÖ"}, "äö", True),
        ({"$ignoreCaseEquals": "pro"}, "prö", False),
        ({"$ignoreCaseEquals": "null"}, None, False),
        ({"$gt": 5}, 5.5, True),
        ({"$gt": 5}, 5, False),
        ({"$gt": 5}, "6", False),
        ({"$gt": 0}, True, False),
        ({"$gte": 5}, 5, True),
        ({"$gte": 5}, 4, False),
        ({"$lt": 5}, 4, True),
        ({"$lt": 5}, 5, False),
        ({"$lte": 5}, 5, True),
        ({"$lte": 5}, 6, False),
        ({"$between": [1, 3]}, 1, True),
        ({"$between": [1, 3]}, 3, True),
        ({"$between": [1, 3]}, 3.1, False),
        ({"$between": [1, 3]}, None, False),
        ({"$exists": True}, None, True),
        ({"$exists": False}, None, False),
        ({"$isNull": True}, None, True),
        ({"$isNull": True}, 0, False),
        ({"$isNull": False}, 0, True),
        ({"$isNull": False}, None, False),
        ({"$anythingBut": "a"}, "b", True),
        ({"$anythingBut": "a"}, "a", False),
        ({"$anythingBut": ["a", 1]}, 1, False),
        ({"$anythingBut": ["a", 1]}, True, True),
        ({"$includes": "a"}, ["b", "a"], True),
        ({"$includes": "a"}, ["b"], False),
        ({"$includes": "a"}, "abc", False),
        ({"$includes": 1}, [True], False),
        ({"$not": "a"}, "b", True),
        ({"$not": "a"}, "a", False),
        ({"$not": "a"}, ["a"], False),
        ({"$not": "a"}, ["b"], True),
    ],
)
def test_an_operator(operator, value, passes):
    assert matches({"a": [operator]}, {"a": value}) is passes


@pytest.mark.parametrize(
    ("operator", "passes"),
    [
        ({"$exists": False}, True),
        ({"$exists": True}, False),
        ({"$isNull": True}, False),
        ({"$isNull": False}, True),
        ({"$anythingBut": "a"}, True),
        ({"$not": "a"}, True),
        ({"$lt": 5}, False),
        ({"$includes": "a"}, False),
    ],
)
def test_an_operator_on_a_field_that_is_not_there(operator, passes):
    assert matches({"a": [operator]}, {"b": 1}) is passes
    assert matches({"a": [operator]}, "no object") is passes


def test_every_operator_of_a_list_must_hold():
    for filter in ({"n": [{"$gt": 5}, {"$lt": 10}]}, {"n": [{"$gt": 5, "$lt": 10}]}):
        assert matches(filter, {"n": 7})
        assert not matches(filter, {"n": 12})
        assert not matches(filter, {"n": 3})


@pytest.mark.parametrize(
    ("filter", "problem"),
    [
        ([], "a filter must be an object"),
        ("plan", "a filter must be an object"),
        ({"plan": "pro"}, "'plan' must be a list or an object"),
        ({"a": {"plan": None}}, "'a.plan' must be a list or an object"),
        ({"plan": [None]}, "'plan' must list texts"),
        ({"plan": [["pro"]]}, "'plan' must list texts"),
        ({"plan": ["pro", {"$gt": 5}]}, "'plan' must list texts"),
        ({"plan": [{}]}, "'plan' must list texts"),
        ({"n": [{"$above": 5}]}, "'n' has no operator '$above'; there are $startsWith, "),
        ({"n": [{"$gt": "5"}]}, "'n' must give $gt a number"),
        ({"n": [{"$gt": True}]}, "'n' must give $gt a number"),
        ({"n": [{"$between": [1]}]}, "'n' must give $between two numbers"),
        ({"n": [{"$exists": 1}]}, "'n' must give $exists true or false"),
        ({"n": [{"$includes": []}]}, "'n' must give $includes a scalar"),
        ({"n": [{"$anythingBut": [None]}]}, "'n' must give $anythingBut a scalar or a list of scalars"),
        ({"n": [{"$startsWith": 5}]}, "'n' must give $startsWith a text"),
    ],
)
def test_another_shape_is_no_filter_and_the_error_says_where(filter, problem):
    with pytest.raises(InvalidFilter) as caught:
        check_filter(filter)

    assert str(caught.value).startswith(problem)
    with pytest.raises(InvalidFilter):
        matches(filter, {})


@pytest.mark.parametrize(
    "filter",
    [
        {f"f{number}": ["a"] for number in range(MAX_TERMS)},
        {"a": [{"$not": 1}] * MAX_TERMS},
        {"a": [{"$anythingBut": ["x"] * MAX_TERMS}]},
        {"a": list(range(MAX_TERMS))},
        {"a": ["x" * 1000 * MAX_TERMS]},
    ],
    ids=["fields", "operators", "operands", "texts", "a long text"],
)
def test_a_filter_of_too_many_terms_is_none(filter):
    with pytest.raises(InvalidFilter, match="at most 1000"):
        check_filter(filter)


@pytest.mark.parametrize(
    ("filter", "value"),
    [
        ({"a": [{"$not": 1}] * 400}, {"a": [0] * MAX_STEPS}),
        ({"a": {**{f"f{number}": [] for number in range(400)}, "z": ["x"]}}, {"a": [{}] * MAX_STEPS}),
        ({"a": [{"$anythingBut": ["x"] * 900}]}, {"a": ["y"] * MAX_STEPS}),
    ],
    ids=["operators on a list", "fields of a list", "a list on a list"],
)
def test_what_takes_too_long_to_compare_is_given_up(filter, value):
    check_filter(filter)
    with pytest.raises(InvalidFilter, match="more than 200000 steps"):
        matches(filter, value)


def test_a_long_list_and_a_long_text_are_compared_all_the_same():
    assert matches({"a": [{"$includes": "x"}, {"$not": "y"}]}, {"a": ["z"] * 90_000 + ["x"]})
    assert matches({"a": [{"$startsWith": "x"}]}, {"a": "x" * 1_000_000})
    assert not matches({"a": [{"$ignoreCaseEquals": "X"}]}, {"a": "x" * 1_000_000})


def test_a_filter_that_is_too_deep_is_none():
    deep = json.loads('{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH)
    check_filter(deep["a"])

    with pytest.raises(InvalidFilter, match="at most 50 objects deep"):
        check_filter(deep)


@settings(deadline=None)
@given(filter=filters | anything, value=anything)
def test_no_json_at_all_makes_it_crash(filter, value):
    try:
        passes = matches(filter, value)
    except InvalidFilter:
        return
    assert passes in (True, False)


@settings(deadline=None)
@given(value=st.dictionaries(names, st.booleans() | st.integers() | st.text(), min_size=1))
def test_a_value_passes_the_filter_that_names_its_fields_and_not_one_that_excludes_one_of_them(value):
    assert matches({name: [item] for name, item in value.items()}, value)
    name, item = next(iter(value.items()))
    assert not matches({name: [{"$anythingBut": item}]}, value)

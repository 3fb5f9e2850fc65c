"""The filters and tests of templates."""

from __future__ import annotations

import pytest

from kongflow.core.filters import FILTERS, MAX_ITEMS, TESTS
from kongflow.core.template import Template
from kongflow.errors import TemplateError

SCOPE = {
    "items": [3, 1, 2, 1],
    "names": ["b", "a", "b"],
    "id": "Run 1/é",
    "n": 42,
    "half": 2.5,
    "none": None,
    "o": {"a": 1},
}


def render(source: str) -> object:
    return Template.parse(f"<< {source} >>").render(SCOPE)


GIVES = [
    ("id | lower", "run 1/é"),
    ("id | upper", "RUN 1/É"),
    ("'aB cD' | capitalize", "Ab cd"),
    ("'ab cd' | title", "Ab Cd"),
    ("'  a ' | trim", "a"),
    ("'--a-' | trim('-')", "a"),
    ("'a-b-c' | replace('-', '_')", "a_b_c"),
    ("'abcdef' | truncate(4)", "abc…"),
    ("'abcdef' | truncate(4, '')", "abcd"),
    ("'abc' | truncate(length=3)", "abc"),
    ("'ab' | center(6)", "  ab  "),
    ("'%05d' | format(n)", "00042"),
    ("'%s-%.2f-%x%%' | format(id, half, 255)", "Run 1/é-2.50-ff%"),
    ("id | urlencode", "Run%201%2F%C3%A9"),
    ("n | string", "42"),
    ("{'b': none, 'a': [1, 'é']} | tojson", '{"a":[1,"é"],"b":null}'),
    ("'42' | int", 42),
    ("2.9 | int", 2),
    ("'4.5' | float", 4.5),
    ("(-5) | abs", 5),
    ("2.567 | round(2)", 2.57),
    ("2.5 | round", 2),
    ("id | length", 7),
    ("items | length", 4),
    ("o | length", 1),
    ("items | first", 3),
    ("id | last", "é"),
    ("items | join('-')", "3-1-2-1"),
    ("names | join", "bab"),
    ("items | sort", [1, 1, 2, 3]),
    ("names | unique", ["b", "a"]),
    ("items | min", 1),
    ("names | max", "b"),
    ("items | sum", 7),
    ("[] | sum", 0),
    ("none is none", True),
    ("id is string", True),
    ("n is number", True),
    ("true is number", False),
    ("n is integer", True),
    ("2.0 is integer", True),
    ("half is integer", False),
    ("id is integer", False),
    ("true is boolean", True),
    ("items is sequence", True),
    ("o is mapping", True),
    ("n is even", True),
    ("n is odd", False),
    ("n is divisibleby 7", True),
    ("n is not divisibleby(5)", True),
]


@pytest.mark.parametrize(("source", "value"), GIVES)
def test_a_filter_or_test_gives(source: str, value: object) -> None:
    assert render(source) == value


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("n | upper", "text is needed, this is a number"),
        ("none | lower", "text is needed, this is null"),
        ("'x' | int", "invalid literal"),
        ("'x' | float", "could not convert"),
        ("'inf' | float", "inf is not a number"),
        ("('9' * 1) | int", "* works on numbers"),
        ("id | abs", "a number is needed, this is text"),
        ("true | abs", "a number is needed, this is true"),
        ("half | round('1')", "an integer is needed, this is text"),
        ("half | round(99)", "a precision is 0 to 15"),
        ("n | length", "a number has no length"),
        ("[] | first", "it is empty"),
        ("'' | last", "it is empty"),
        ("n | join", "a list is needed, this is a number"),
        ("[none] | join", "is null"),
        ("[1, 'a'] | sort", "a number is needed, this is text"),
        ("[[1]] | unique", "a number is needed, this is a list"),
        ("names | sum", "a number is needed, this is text"),
        ("'abc' | truncate(1, '...')", "too few for the ending '...'"),
        ("'a' | center(257)", "over 256"),
        ("'%100d' | format(1)", "is not a format"),
        ("'%c' | format(1)", "is not a format"),
        ("'%(a)s' | format(1)", "is not a format"),
        ("'%d' | format('x')", "format"),
        ("'%d %d' | format(1)", "not enough arguments"),
        ("o | urlencode", "is an object"),
        ("n is divisibleby 0", "nothing is divisible by 0"),
        ("id is even", "a number is needed"),
    ],
)
def test_a_filter_says_what_it_cannot_work_on(source: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(source)
    assert words in str(caught.value)


def test_every_filter_and_test_is_tried_here() -> None:
    """So that a new one comes with its example."""
    words = " ".join(source for source, _ in GIVES).replace("|", " ").replace("(", " ").split()
    assert set(FILTERS) - set(words) == set()
    assert set(TESTS) - set(words) == set()


def test_long_lists_are_left_alone() -> None:
    scope = {"list": list(range(MAX_ITEMS + 1))}
    assert Template.parse("<< list | length >>").render(scope) == MAX_ITEMS + 1
    for name in ("sort", "unique", "sum", "max", "join", "first"):
        with pytest.raises(TemplateError, match="more than 10,000 items"):
            Template.parse(f"<< list | {name} >>").render(scope)

"""What is said of a template, and where; and of which nothing is."""

from __future__ import annotations

import pytest

from kongflow.config.types.check import Target, check
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.problem import Problem
from kongflow.config.types.signatures import FILTERS, TESTS
from kongflow.config.types.type import literal, object_of
from kongflow.core import filters
from kongflow.core.schema import PayloadSchema
from kongflow.core.template import Template
from tests.config.template_corpus import RIGHT, SCHEMA, WRONG

SCOPE = {"payload": payload_type(PayloadSchema.compile(SCHEMA)), "task": object_of({"name": literal("greet")})}


def problems(expression: str, target: Target = Target.JOB_KEY) -> tuple[Problem, ...]:
    """Check an expression: inside a text, or as a whole priority."""
    return check(Template.parse(f"a-<< {expression} >>"[2 * (target is Target.PRIORITY) :]), SCOPE, target)


@pytest.mark.parametrize(("expression", "slug", "marked"), WRONG, ids=lambda value: value)
def test_a_wrong_template_gives_one_finding_at_the_very_word(expression: str, slug: str, marked: str) -> None:
    (found,) = problems(expression)

    assert (found.slug, f"a-<< {expression} >>"[found.start : found.end]) == (slug, marked)


@pytest.mark.parametrize("expression", RIGHT)
def test_a_good_template_gives_none(expression: str) -> None:
    assert problems(expression) == ()


def test_several_problems_come_in_the_order_of_the_text() -> None:
    found = check(Template.parse("<< payload.note >>-<< payload.idd >>-<< payload.ref | round >>"), SCOPE, Target.QUEUE)

    assert [one.slug for one in found] == ["template-maybe-missing", "template-unknown-key", "template-filter-args"]


def test_a_constant_is_told_as_it_is_written() -> None:
    said = {
        expression: problems(f"1 if {expression} else 2")[0].message
        for expression in ("payload.id is not none", "not payload.id is none")
    }

    assert said == {
        "payload.id is not none": "this condition is always true",
        "not payload.id is none": "this condition is always false",
    }


def test_a_floor_is_an_integer() -> None:
    assert problems("payload.x // 1", Target.PRIORITY) == ()


@pytest.mark.parametrize(
    ("expression", "help"),
    [
        ("payload.idd", "did you mean 'id'?"),
        ("payload.owner", "use << payload.owner.name >>"),
        ("payload.deputy.name", "use << payload.deputy.name | default('…') >>, or make it required in the schema"),
        ("payload.nick", "use << payload.nick | default('…', true) >>, or make it required in the schema"),
        ("payload.ref", "use << payload.ref | default('…', true) >>, or drop null from the schema"),
        ("'a' if payload.plan == 'por' else 'b'", "did you mean 'pro'?"),
        ("payload.limit", "use << payload.limit | default(0, true) >>, or make it required in the schema"),
        ("payload.vip", "use << payload.vip | default(false, true) >>, or make it required in the schema"),
        ("payload.sizes[0] ~ '!'", "use | default(0, true)"),
        (
            "secrets.webhook_key",
            "what a template makes is stored, and shown in lists and logs; a handler reads job.secrets['name']",
        ),
        ("secret", "what a template makes is stored, and shown in lists and logs; a handler reads job.secrets['name']"),
    ],
)
def test_the_help_is_what_to_write(expression: str, help: str) -> None:
    (found,) = problems(expression)
    assert found.help == help


def test_the_table_of_signatures_has_exactly_the_filters_and_tests_of_the_language() -> None:
    assert FILTERS.keys() == filters.FILTERS.keys()
    assert TESTS.keys() == filters.TESTS.keys()


def test_conditions_in_conditions_take_no_time() -> None:
    nested = "payload.flag"
    for _ in range(8):
        nested = f"(({nested}) and payload.n > 1) == true"
    problems(nested)

"""What a template is for, and the type that it must have for that."""

from __future__ import annotations

import pytest

from kongflow.config.types.check import Target, check
from kongflow.core.template import Template
from tests.config.test_template_types import SCOPE, problems


@pytest.mark.parametrize(
    "expression",
    [
        "payload.n",
        "payload.n + 1",
        "payload.x | round",
        "payload.x | int",
        "payload.id | length",
        "5 if payload.flag else payload.n",
        "0 if payload.plan == 'free' else 10",
        "payload.sizes[0] | default(0, true)",
        "payload.open",
        "payload.tags | length * -1",
        "2 ** 3",
    ],
)
def test_a_priority_may_be_what_gives_an_integer(expression: str) -> None:
    assert problems(expression, Target.PRIORITY) == ()


@pytest.mark.parametrize(
    ("expression", "slug"),
    [
        ("payload.id", "template-value-type"),
        ("payload.x", "template-value-type"),
        ("payload.flag", "template-value-type"),
        ("payload.n / 2", "template-value-type"),
        ("2 ** payload.n", "template-value-type"),
        ("payload.x | round(1)", "template-value-type"),
        ("1 if payload.flag else 'x'", "template-value-type"),
        ("payload.owner", "template-value-type"),
        ("none", "template-value-type"),
        ("payload.sizes[0]", "template-nullable"),
        ("payload.owner.age", "template-maybe-missing"),
    ],
)
def test_a_priority_is_an_integer(expression: str, slug: str) -> None:
    assert [found.slug for found in problems(expression, Target.PRIORITY)] == [slug]


def test_text_around_a_priority_makes_it_text() -> None:
    (found,) = check(Template.parse("1<< payload.n >>"), SCOPE, Target.PRIORITY)

    assert (found.slug, found.start, found.end) == ("template-value-type", 0, 16)


def test_a_value_of_a_payload_keeps_its_type_and_is_printed_only_into_text() -> None:
    whole, text = (Template.parse(source) for source in ("<< payload.owner >>", "of << payload.owner >>"))

    assert check(whole, SCOPE, Target.PAYLOAD) == ()
    assert [found.slug for found in check(text, SCOPE, Target.PAYLOAD)] == ["template-renders-object"]

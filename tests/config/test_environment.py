"""Variables in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.config.environment import Environment, fill, unfill

VARIABLES = {"A": "one", "EMPTY": "", "BRACES": "{x}", "DOLLAR": "${A}", "MARK": "<< payload.id >>"}


def text_of(text: str, *, use: bool = True) -> str | None:
    filled = fill(text, Environment(VARIABLES, use))
    assert filled.problems == ()
    return filled.text


def slugs(text: str) -> list[str]:
    filled = fill(text, Environment(VARIABLES))
    assert filled.text is None
    return [problem.slug for problem in filled.problems]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain $ and $5 and $x", "plain $ and $5 and $x"),
        ("${A}", "one"),
        ("a-${A}-${A}", "a-one-one"),
        ("$${A} costs $$5", "${A} costs $5"),
        ("${A:-other}", "one"),
        ("${B:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${B:-a $$ sign}", "a $ sign"),
        ('${B:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${A:?must be set}", "one"),
        ("${BRACES}", "{x}"),
        ("${A}-<< payload.id >>", "one-<< payload.id >>"),
        ("<< 'a >> b' >>${A}", "<< 'a >> b' >>one"),
        ("<< '$$' >>", "<< '$$' >>"),
    ],
)
def test_variables_are_filled_in(text, filled):
    assert text_of(text) == filled


def test_what_a_variable_holds_is_not_filled_in_again():
    assert text_of("${DOLLAR}") == "${A}"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("${B}", "env-missing"),
        ("${B:?set it}", "env-missing"),
        ("${EMPTY:?set it}", "env-missing"),
        ("${}", "env-syntax"),
        ("${", "env-syntax"),
        ("${A", "env-syntax"),
        ("${1A}", "env-syntax"),
        ("${A-b}", "env-syntax"),
        ("${A?b}", "env-syntax"),
        ("${ A }", "env-syntax"),
        ("${B:-${A}}", "env-syntax"),
        ("${B:-<< x >>}", "env-syntax"),
        ("<< ${A} >>", "env-in-template"),
        ("<< '>>${A}' >>", "env-in-template"),
        ("<< never closed ${A}", "env-in-template"),
        ("${MARK}", "env-in-template"),
    ],
)
def test_other_forms_are_refused(text, slug):
    assert slugs(text) == [slug]


def test_who_writes_the_templates_of_others_is_shown_ours():
    (problem,) = fill("${{ payload.id }}", Environment({})).problems

    assert (problem.slug, problem.help[:28]) == ("env-syntax", "a template is written << … >")


def test_every_problem_is_reported_with_its_range():
    filled = fill("x ${B} y ${C-d} z", Environment({}))

    assert [(problem.slug, problem.start, problem.end) for problem in filled.problems] == [
        ("env-missing", 2, 6),
        ("env-syntax", 9, 15),
    ]


def test_the_message_of_a_variable_is_shown():
    (problem,) = fill("${B:?the folder of the database}", Environment({})).problems

    assert problem.message == "B is not set: the folder of the database"


def test_a_variable_without_a_message_of_its_own_has_one_of_ours():
    (problem,) = fill("${B:?}", Environment({})).problems

    assert problem.message == "B is not set or empty"
    assert problem.help.startswith("set it, or write ${B:-default}")


def test_only_one_whole_variable_takes_the_type_of_its_key():
    assert fill("${A}", Environment(VARIABLES)).whole
    assert not fill("${A}${A}", Environment(VARIABLES)).whole
    assert not fill(" ${A}", Environment(VARIABLES)).whole


def test_without_the_environment_a_default_holds_and_anything_else_is_unknown():
    assert text_of("${A:-default}", use=False) == "default"
    assert text_of("${A}", use=False) is None
    assert text_of("x-${A}-${B:?say}", use=False) is None


@given(st.text(alphabet="${}A:-", max_size=12), st.sampled_from(["", "<< '$$' >>", "<< a >>", "<< '>>$$' >>", "<< $$"]))
def test_any_text_can_be_written_so_that_it_is_filled_to_itself(text: str, template: str) -> None:
    for whole in (text + template, template + text if template.endswith(">>") else text):
        assert text_of(unfill(whole)) == whole

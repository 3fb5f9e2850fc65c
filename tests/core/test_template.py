"""Templates: `<< expression >>` in text."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.expression import DottedName, TemplateSyntaxProblem
from kongflow.core.sandbox import SandboxedExpression
from kongflow.core.syntax import Node, paths
from kongflow.core.template import MAX_SOURCE, Template
from kongflow.errors import TemplateError

SCOPE = {
    "payload": {
        "id": "run_1",
        "items": ["a", "b"],
        "keys": "the key",
        "n": 5,
        "half": 0.5,
        "five": 5.0,
        "yes": True,
        "nothing": None,
        "empty": "",
        "owner": {"name": "Ada", "get": "got"},
    },
    "task": {"name": "startRun"},
}


def render(text: str) -> object:
    return Template.parse(text).render(SCOPE)


def refusal(text: str) -> str:
    with pytest.raises(TemplateError) as caught:
        render(text)
    return str(caught.value)


def problem(text: str) -> TemplateSyntaxProblem:
    with pytest.raises(TemplateSyntaxProblem) as caught:
        Template.parse(text)
    return caught.value


# --- values and text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("executions", "executions"),
        ("", ""),
        ("runs:<< payload.id >>", "runs:run_1"),
        ("<< payload.id >>:<< task.name >>", "run_1:startRun"),
        ("<<payload.id>>", "run_1"),
        ("<<\n  payload.id\n>>", "run_1"),
        ("n=<< payload.n >>", "n=5"),
        ("<< payload.half >>!", "0.5!"),
        ("yes=<< payload.yes >>", "yes=true"),
        ("a < b > c", "a < b > c"),
    ],
)
def test_text_with_expressions_renders_to_text(text: str, value: str) -> None:
    assert render(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<< payload.n >>", 5),
        ("<< payload.items >>", ["a", "b"]),
        ("<< payload.owner >>", {"name": "Ada", "get": "got"}),
        ("<< payload.nothing >>", None),
        ("<< payload.yes >>", True),
        ("<< payload.n + 1 >>", 6),
        ("<< [payload.n, 'x'] >>", [5, "x"]),
        ("<< (1, 2) >>", [1, 2]),
        ("<< {'id': payload.id} >>", {"id": "run_1"}),
        ("<< '[1]' >>", "[1]"),
        ("<< not payload.yes >>", False),
    ],
)
def test_a_value_that_is_one_whole_expression_keeps_its_type(text: str, value: object) -> None:
    rendered = render(text)
    assert rendered == value
    assert type(rendered) is type(value)


def test_render_text_prints_a_whole_expression() -> None:
    assert Template.parse("<< payload.n >>").render_text(SCOPE) == "5"


def test_an_integral_float_prints_as_the_integer_that_it_is_to_json() -> None:
    assert render("q:<< payload.five >>") == "q:5"
    assert Template.parse("q<< payload.x >>").render({"payload": {"x": 1e300}}) == "q1e+300"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q:<< payload.nothing >>", "is null, which is never printed"),
        ("q:<< payload.items >>", "is a list, which is never printed"),
        ("q:<< payload.owner >>", "is an object, which is never printed"),
        ("<< 'q' ~ payload.nothing >>", "is null"),
        ("<< 'q' ~ payload.items >>", "is a list"),
    ],
)
def test_null_lists_and_objects_are_never_printed(text: str, words: str) -> None:
    assert words in refusal(text)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["<< payload.items >>", "<< payload['items'] >>", "<< (payload).items >>"])
def test_a_key_comes_before_a_method_of_the_same_name(text: str) -> None:
    assert render(text) == ["a", "b"]


@pytest.mark.parametrize("text", ["<< payload.owner.keys >>", "<< payload.id.upper >>", "<< (payload.owner).values >>"])
def test_a_value_has_no_attributes_only_keys(text: str) -> None:
    assert "is missing" in refusal(text)


def test_a_missing_field_names_the_whole_path_and_the_way_out() -> None:
    assert refusal("runs:<< payload.account.id >>") == (
        "<< payload.account.id >>: 'payload.account' is missing; "
        "where it may be, write << payload.account.id | default(…) >>"
    )


def test_a_field_of_something_that_is_no_object_says_what_it_is() -> None:
    assert "'payload.id.x' is missing: 'payload.id' is text, not an object" in refusal("<< payload.id.x >>")


@pytest.mark.parametrize("text", ["<< paylod.id >>", "<< paylod.id | upper >>"])
def test_an_unknown_name_says_which_there_are(text: str) -> None:
    assert "there is no 'paylod' here; there is payload, task; did you mean 'payload'?" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "<< payload.x ~ 'a' >>",
        "<< payload.x == 1 >>",
        "<< payload.x < 1 >>",
        "<< not payload.x >>",
        "<< 'a' if payload.x else 'b' >>",
        "<< payload.x and 1 >>",
        "<< payload.x + 1 >>",
        "<< -payload.x >>",
        "<< payload.x in [1] >>",
        "<< payload.x in [] >>",
        "<< payload.x not in [] >>",
        "<< payload.x in payload.id >>",
        "<< 1 < payload.x < 2 >>",
        "<< 'r' in payload.id in payload.x >>",
        "<< 1 in payload.x >>",
        "<< payload.x[0] >>",
        "<< payload.x[:2] >>",
        "<< [payload.x] >>",
        "<< {'a': payload.x} >>",
        "<< payload.x | upper >>",
        "<< 'a' | replace('a', payload.x) >>",
        "<< 'a' | truncate(length=payload.x) >>",
        "<< payload.x is none >>",
        "<< payload.x.y.z >>",
        "<< [1, payload.x] | join(',') >>",
        "<< payload[payload.x] >>",
    ],
)
def test_nothing_can_be_done_with_a_missing_value(text: str) -> None:
    assert "'payload.x' is missing" in refusal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<< payload.x | default('d') >>", "d"),
        ("<< payload.x.y.z | default(7) >>", 7),
        ("<< payload['x'][0].y | default('d') >>", "d"),
        ("<< payload.id | default('d') >>", "run_1"),
        ("<< payload.nothing | default('d') >>", None),
        ("<< payload.nothing | default('d', true) >>", "d"),
        ("<< payload.x is defined >>", False),
        ("<< payload.x.y is undefined >>", True),
        ("<< payload.id is defined >>", True),
        ("<< payload.x | default(payload.n) + 1 >>", 6),
    ],
)
def test_default_and_defined_are_the_ways_to_meet_a_missing_value(text: str, value: object) -> None:
    assert render(text) == value


def test_the_path_that_failed_is_named_not_one_that_was_only_tested() -> None:
    assert "'payload.c' is missing" in refusal("<< payload.b if payload.b is defined else payload.c >>")


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("runs:<< payload.id", 5, "`>>` is missing"),
        ("cat <<EOF", 4, "write << '<<' >>"),
        ("runs: payload.id >>", 17, "`>>` without `<<`"),
        ("<< >>", 3, "<< >> is empty"),
        ("a<<>>", 3, "<< >> is empty"),
        ("<< payload.id | >>", 16, "not complete"),
        ("<< payload. >>", 12, "not complete"),
        ("<< payload id >>", 11, "'id' is not expected here"),
        ("<< (payload.id >>", 15, "a bracket is not closed"),
        ("<< payload.id) >>", 13, "unexpected ')'"),
        ("<< $x >>", 3, "unexpected char '$'"),
        ("abc << 'x' $ >>", 11, "unexpected char '$'"),
        ("<< payload.id | uper >>", 16, "there is no filter 'uper'; did you mean 'upper'?"),
        ("<< payload.id | zzz >>", 16, "there is no filter 'zzz'; there are abs,"),
        ("<< payload.id is strng >>", 14, "there is no test 'strng'; did you mean 'string'?"),
        ("<< payload.id | lower(1) >>", 16, "the filter 'lower': too many positional arguments"),
        ("<< payload.id | trim(x=1) >>", 16, "the filter 'trim': got an unexpected keyword argument 'x'"),
        ("<< payload.id.upper() >>", 19, "calls are not allowed"),
        ("<< range(3) >>", 8, "calls are not allowed"),
        ("<< 'a' if payload.yes >>", 3, "`if` needs an `else`"),
        ("<% if x %>", 0, "statements are not allowed"),
        ("a <# note #>", 2, "comments are not allowed"),
        ("<< 'a\r' >>", 5, "carriage return"),
        ("<< -x.y.z | lower(*a) >>", 12, "* and ** are not allowed"),
        ("x" * (MAX_SOURCE + 1), MAX_SOURCE, "longer than 4,096 characters"),
        ("<< 1 2 >>", 5, "2 is not expected here"),
    ],
)
def test_a_syntax_problem_says_what_and_where(text: str, offset: int, words: str) -> None:
    found = problem(text)
    assert (found.offset, words in found.message) == (offset, True), found.message


@pytest.mark.parametrize(
    ("text", "value"),
    [("<< '<<' >>EOF", "<<EOF"), ("<< '>>' >>", ">>"), ('<< "a>>b" >>', "a>>b"), (r"<< 'it\'s >>' >>", "it's >>")],
)
def test_delimiters_are_printed_as_text_in_an_expression(text: str, value: str) -> None:
    assert render(text) == value


def test_there_is_no_whitespace_control() -> None:
    assert render("a <<-1>> b") == "a -1 b"
    assert problem("<< payload.id ->>").message == "the expression is not complete"


def test_the_parts_of_a_template_are_known_without_rendering() -> None:
    assert Template.parse("runs:<< payload.id >>:x").literal_parts() == ("runs:", None, ":x")
    assert Template.parse("<< a ~ b >>").literal_parts() == (None,)
    assert Template.parse("plain").is_literal
    assert Template.parse("").is_literal
    assert not Template.parse("<< 'x' >>").is_literal


def test_the_parts_are_rendered_in_the_order_of_the_literal_parts() -> None:
    template = Template.parse("<< payload.id >>:x:<< payload.empty >>")
    assert template.render_parts(SCOPE) == ("run_1", ":x:", "")


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("runs:<< payload.id >>", ["payload", "id"]),
        ("<< a.b ~ c >>:<< d >>", ["a", "a.b ~ c", "b", "c", "d"]),
        ("<< payload['owner'].name | upper >>", ["payload", "'owner'", "name", "upper"]),
        ("<< payload . owner [ 'name' ] >>", ["payload", "owner", "'name'"]),
        ("<< payload.items[0].x >>", ["payload", "items", "0", "x"]),
        ("<< a.0 >>", ["a", "0"]),
        ("<< payload[task.name].x >>", ["payload", "payload[task.name]", "task", "name", "x"]),
        ("<< a[:10] >>", ["a", "a[:10]", "10"]),
        ("<< x | default(y.z, true) >>", ["x", "default", "y", "z", "true"]),
        ("<< x | default | upper >>", ["x", "default", "upper"]),
        ("<< x|round(precision=2) >>", ["x", "round", "2"]),
        ("<< b if a else c >>", ["b", "b if a else c", "a", "c"]),
        ("<< x is divisibleby y.z >>", ["x", "divisibleby", "y", "z"]),
        ("<< x is  not divisibleby(3) >>", ["x", "x is  not divisibleby(3)", "divisibleby", "3"]),
        ("<< not x and true or 1 >>", ["not x", "not x and true", "not x and true or 1", "x", "true", "1"]),
        ("<< 'a'  \"b\" == x >>", ["'a'  \"b\"", "'a'  \"b\" == x", "x"]),
        ("<< {'k': [v, -1], 'l': ()} >>", ["{'k': [v, -1], 'l': ()}", "'k'", "[v, -1]", "v", "-1", "1", "'l'", ")"]),
        ("<< (a, b)[0] >>", ["a", "a, b", "b", "0"]),
        ("<< 1 < a <= 2 not in b >>", ["1", "1 < a <= 2 not in b", "a", "2", "b"]),
        ("é<<\n x.y\n ** z >>", ["x", "x.y\n ** z", "y", "z"]),
        ("plain", []),
    ],
)
def test_every_part_of_an_expression_knows_its_place(text: str, marks: list[str]) -> None:
    nodes = sorted(every_node(text), key=lambda node: node.mark)
    assert [text[slice(*node.mark)] for node in nodes] == marks


def test_the_names_of_an_expression_are_known_with_the_keys_that_follow() -> None:
    (expression,) = Template.parse("<< a.b['c'][0].d if x.y is defined else z[a] >>").parts
    assert isinstance(expression, SandboxedExpression)
    assert list(paths(expression.tree)) == [("x", "y"), ("a", "b", "c"), ("z",), ("a",)]


def every_node(text: str) -> list[Node]:
    found: list[Node] = [part.tree for part in Template.parse(text).parts if not isinstance(part, str)]
    for node in found:
        found.extend(node.children)
    return found


def test_templates_are_equal_where_their_text_is() -> None:
    assert Template.parse("a<< b ~ c >>") == Template.parse("a<< b ~ c >>")
    assert Template.parse("a") != Template.parse("b")


# --- the plain case and Jinja ----------------------------------------------------------------------------------------

KEYS = st.sampled_from(["payload", "task", "id", "items", "n", "owner", "name", "nothing", "zz", "get", "five"])
BLANKS = st.sampled_from(["", " ", "\n ", "\t"])


@given(path=st.lists(KEYS, min_size=1, max_size=4), blank=BLANKS)
def test_a_dotted_name_means_the_same_with_and_without_jinja(path: list[str], blank: str) -> None:
    text = f"{blank}.{blank}".join(path)
    plain, sandboxed = DottedName.parse(text, 2), SandboxedExpression.parse(text, 2)

    assert plain is not None
    assert plain.tree == sandboxed.tree
    assert _outcome(plain) == _outcome(sandboxed)


def _outcome(expression: DottedName | SandboxedExpression) -> object:
    try:
        return expression.evaluate(SCOPE)
    except TemplateError as error:
        return str(error)


@pytest.mark.parametrize("text", ["true", "none", "not", "payload.id | upper", "payload[0]", "1.5", "", "a.", "a..b"])
def test_what_is_more_than_a_dotted_name_is_left_to_jinja(text: str) -> None:
    assert DottedName.parse(text, 0) is None


@given(st.text(alphabet="<>%#{}()[]'\"\\|.~+-*/ abc1_\n\r", max_size=40))
def test_the_places_of_any_expression_lie_in_its_text(text: str) -> None:
    places: list[tuple[int, ...]] = []
    with suppress(TemplateSyntaxProblem):
        places = [(node.start, *node.mark, node.end) for node in every_node(text)]
    for start, first, last, end in places:
        assert 0 <= start <= first < last <= end <= len(text)


@given(st.text(alphabet="<>%#{}()[]'\"\\|.~+-*/ abc1_\n\r", max_size=40))
def test_a_refused_text_is_refused_at_a_place_inside_it(text: str) -> None:
    offset = 0
    try:
        Template.parse(text)
    except TemplateSyntaxProblem as found:
        offset = found.offset
    assert 0 <= offset <= len(text)


def test_a_catalog_without_expressions_never_imports_jinja() -> None:
    code = (
        "import sys, kongflow.core.catalog, kongflow.core.new_job\n"
        "from kongflow.core.template import Template\n"
        "Template.parse('runs:<< payload.id >>').render({'payload': {'id': 1}})\n"
        "sys.exit('jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

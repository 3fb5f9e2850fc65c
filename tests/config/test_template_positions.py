"""From a character of a value to its place in the file, in every style of scalar."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kongflow.config.document import parse_document
from kongflow.config.environment import Environment, fill, range_as_written
from kongflow.config.template_positions import offset_in_file, place_in_scalar
from tests.config.projects import load_project

STYLES = {
    "plain": "a: x-<< paylod.id >>",
    "plain over lines": "a: some text\n  that goes\n\n  on << paylod.id >>\n",
    "single": "a: 'it''s << ''x'' ~ paylod.id >>'",
    "single over lines": "a: 'one\n   two ''three''\n\n   << paylod.id >>'",
    "double": r'a: "\u00e4\x41\U0001F600 \"<< paylod.id >>\""',
    "double over lines": 'a: "one\\n   two \\\n   three\n   << paylod.id >>"',
    "double with blanks": r'a: "one\n\n \t two << paylod.id >>"',
    "double with escaped blanks": r'a: "x\u00a0 \x20\_\t\L << paylod.id >>"',
    "double with other escapes": r'a: "\/\e\a\x41\u3000\\\" \U00002028<< paylod.id >>"',
    "double, joined by backslashes": 'a: "one\\\n   \\  two \\\n   << paylod.id >>"',
    "literal, strange line ends": "a: |\r  one\r  << paylod.id >>\r",
    "literal": "a: |\n  one\n    two\n  << paylod.id >>\n",
    "literal, indented and kept": "a: |2+\n    one\n  << paylod.id >>\n\n",
    "literal with a comment": "a: |  # why\n  << paylod.id >>\n",
    "folded": "a: >-\n  one\n  two\n\n  three << paylod.id |\n     upper >>\n",
    "anchored": 'a: &anchor "x << paylod.id >>"',
    "in a flow": 'b: [1, {a: "人😀 << paylod.id >>"}]',
    "in a block list": "b:\n- 1\n- a: 人\n   << paylod.id >>",
    "carriage returns": "a: >\r\n  one\r\n  << paylod.id >>\r\n",
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_place_of_a_name_is_exact(text):
    document, findings = parse_document(Path("x"), "x", text.encode())
    assert findings == ()
    node = document.scalar_node(("a",) if "a" in document.value else ("b", 1, "a"))
    offset = node.value.index("paylod")

    assert offset_in_file(document.source, node, offset) == text.index("paylod")
    assert offset_in_file(document.source, node, offset + 5) == text.index("paylod") + 5


@pytest.mark.parametrize(
    ("written", "marked"),
    [
        (r'"<< paylo\x64 >>"', r"paylo\x64"),
        ('"<< x\\" >>"', 'x\\"'),
        ("'<< ''it'' >>'", "''it''"),
        ("<< paylod >>", "paylod"),
        (r'"<< paylo\U00000064"', r"paylo\U00000064"),
    ],
)
def test_a_place_ends_behind_the_last_character_as_it_is_written(written, marked):
    document, _ = parse_document(Path("x"), "x", f"a: {written}\n".encode())
    node = document.scalar_node(("a",))
    first = node.value.index("<< ") + 3

    place = place_in_scalar(document.source, node, first, len(node.value.removesuffix(" >>")))

    assert f"a: {written}"[place.span.col - 1 : place.span.end_col - 1] == marked


def test_an_offset_behind_the_end_is_that_of_the_last_character():
    document, _ = parse_document(Path("x"), "x", b"a: 'x << y'\nb: 1")
    node = document.scalar_node(("a",))

    assert offset_in_file(document.source, node, 1_000) == len("a: 'x << y") - 1


LONG = {"Q": "a long value with >> in it", "EMPTY": ""}


@pytest.mark.parametrize(
    ("raw", "filled", "written"),
    [
        ("${A:-1}-<< a >>-${LONG_NAME:-2}-<< b >>", "<< b >>", "<< b >>"),
        ("${LONG_NAME:-a}-bbbb >> c", ">>", ">>"),
        ("q:<< payload.id >>${LONG_NAME:-x} >> y", " >> ", " >> "),
        ("${Q:?use << here}-<< zz >>", "zz", "zz"),
        ("$$5-$$-<< zz >>", "zz", "zz"),
        ("<< a >>-${Q}-b", ">> in", "${Q}"),
        ("x${Q}y", "xa", "x${Q}"),
        ("x${Q}y", "ity", "${Q}y"),
        ("${EMPTY}x", "x", "x"),
        ("a$$b", "$", "$$"),
    ],
)
def test_a_range_of_a_filled_text_is_that_of_what_is_written(raw, filled, written):
    given = fill(raw, Environment(LONG))
    start = given.text.rindex(filled) if filled == ">>" else given.text.index(filled)

    first, last = range_as_written(given.pieces, start, start + len(filled))
    assert raw[first:last] == written


def test_a_place_behind_a_filled_text_is_its_last_character():
    given = fill("$$5", Environment({}))

    assert range_as_written(given.pieces, 9, 10) == (2, 3)
    assert range_as_written(fill("${A}", Environment({"A": ""})).pieces, 0, 1) == (3, 4)


@pytest.mark.parametrize(
    ("task", "marked"),
    [
        ('job_key: "${LONG_NAME:-a}-bbbb >> c"', ">>"),
        ('job_key: "q:<< payload.id >>${LONG_NAME:-x} >> y"', ">> y"),
        ('job_key: "${Q:?use << here}-<< zz >>"', "zz"),
        ("job_key: '$$it''s ${EMPTY} << zz >>'", "zz"),
        ('handler: "${LONG_NAME:-tasks}.wrok"', "wrok"),
        ('handler: "${LONG_NAME:-wrong}.work"', "${LONG"),
    ],
)
def test_a_finding_behind_a_variable_stands_where_it_is_written(tmp_path, task, marked):
    handler = "" if task.startswith("handler") else "handler: tasks.work, "
    config = f"version: 1\ntasks: {{work: {{{handler}{task}}}}}"

    (found,) = load_project(tmp_path, config, env={**LONG, "Q": "1"}).findings
    assert found.col == config.splitlines()[1].rindex(marked) + 1


CHARACTERS = st.sampled_from([*"ab<> \n\t'\"\\:#{}[],&*!|>%@`-~", "\u00a0", "\u2003", "ä", "人", "😀", "payload"])
STYLE = st.sampled_from([None, "'", '"', "|", ">"])


@settings(max_examples=300, deadline=None)
@given(st.lists(CHARACTERS, min_size=1, max_size=25).map("".join), STYLE, st.integers(8, 40))
def test_every_character_of_a_value_is_found_where_it_is_written(value, style, width):
    text = yaml.safe_dump({"a": [value, "end"]}, default_style=style, width=width, allow_unicode=True)
    document, findings = parse_document(Path("x"), "x", text.encode())
    assert findings == ()
    key = next(iter(document.value))
    node = document.scalar_node((key, 0))

    assert node.value == value
    for offset, character in enumerate(value):
        if not character.isspace():
            at = offset_in_file(document.source, node, offset)
            assert text[at] == character or text[at] == "\\"

"""From a character of a value to its place in the file, in every style of scalar."""

from __future__ import annotations

from pathlib import Path

import pytest

from kongflow.config.document import parse_document
from kongflow.config.template_positions import offset_before_filling, offset_in_file

STYLES = {
    "plain": "a: x-<< paylod.id >>",
    "plain over lines": "a: some text\n  that goes\n\n  on << paylod.id >>\n",
    "single": "a: 'it''s << ''x'' ~ paylod.id >>'",
    "single over lines": "a: 'one\n   two ''three''\n\n   << paylod.id >>'",
    "double": r'a: "\u00e4\x41\U0001F600 \"<< paylod.id >>\""',
    "double over lines": 'a: "one\\n   two \\\n   three\n   << paylod.id >>"',
    "double with blanks": r'a: "one\n\n \t two << paylod.id >>"',
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


def test_an_offset_behind_the_end_is_that_of_the_last_character():
    document, _ = parse_document(Path("x"), "x", b"a: 'x << y'\nb: 1")
    node = document.scalar_node(("a",))

    assert offset_in_file(document.source, node, 1_000) == len("a: 'x << y") - 1


def test_variables_before_a_template_do_not_move_what_is_in_it():
    raw, filled = "${A}-<< a >>-${LONG_NAME}-<< b >>", "1-<< a >>-2-<< b >>"

    assert offset_before_filling(filled, raw, filled.index("a")) == raw.index("a ")
    assert offset_before_filling(filled, raw, filled.index("b")) == raw.index("b ")


def test_an_offset_before_any_template_counts_from_the_start():
    assert offset_before_filling("x >>", "${A} >>", 2) == 2

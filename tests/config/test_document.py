"""Reading YAML: every trap has a finding, and every value its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kongflow.config.document import MAX_FILE, parse_document
from kongflow.config.findings import Span


def read(text: str | bytes):
    return parse_document(Path("x.yaml"), "x.yaml", text if isinstance(text, bytes) else text.encode())


def value_of(text: str):
    document, findings = read(text)
    assert findings == ()
    return document.value


def slugs(text: str | bytes) -> list[str]:
    document, findings = read(text)
    assert document.value is None
    return [found.slug for found in findings]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("", None),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("+5", 5),
        ("-0", 0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("22:22", "22:22"),
        ("2026-11-24", "2026-11-24"),
        ("=", "="),
        ("<<", "<<"),
        ('"5"', "5"),
        ("'true'", "true"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(scalar, value):
    read_back = value_of(f"a: {scalar}")["a"]

    assert (read_back, type(read_back)) == (value, type(value))


def test_four_hundred_kilobytes_of_brackets_are_one_finding():
    assert slugs("a: " + "[" * 400_000) == ["yaml-nesting"]
    assert slugs("{a: " * 100_000) == ["yaml-nesting"]
    assert slugs("- " * 200_000) == ["yaml-nesting"]


def test_a_file_of_many_values_is_refused_where_they_get_too_many_and_before_they_are_composed(monkeypatch):
    monkeypatch.setattr("kongflow.config.document.compose", None)
    _, findings = read("x-data:\n" + "- 1\n" * 250_000)

    assert [(found.slug, found.line, found.col) for found in findings] == [("file-too-large", 199_999, 3)]
    assert findings[0].message == "the file holds more than 200,000 keys and values"


def test_many_values_without_an_alias_are_not_laid_to_aliases():
    assert len(value_of("x-data:\n" + "- 1\n" * 199_996)["x-data"]) == 199_996


def test_an_alias_bomb_is_one_finding():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 15)]

    assert slugs("\n".join(lines)) == ["yaml-anchor-limit"]


def test_aliases_cannot_nest_deeper_than_brackets_may():
    lines = ["a0: &a0 [[[[[[[[[[x]]]]]]]]]]"]
    lines += [f"a{level}: &a{level} [[[[[[[[[*a{level - 1}]]]]]]]]]" for level in range(1, 8)]

    assert slugs("\n".join(lines)) == ["yaml-nesting"]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "a: &a\n  - b\n  - c: [*a]"])
def test_a_value_that_holds_itself_is_refused(text):
    assert slugs(text) == ["yaml-recursive-alias"]


def test_an_alias_gives_the_same_value_again():
    assert value_of("a: &a {n: [1]}\nb: *a\nc: [*a]") == {"a": {"n": [1]}, "b": {"n": [1]}, "c": [{"n": [1]}]}


def test_both_values_of_a_duplicate_key_are_looked_at():
    assert slugs("a: {x: .inf, x: .nan}\na: {404: 1}") == [
        "yaml-not-finite",
        "yaml-not-finite",
        "yaml-duplicate-key",
        "yaml-key-type",
        "yaml-duplicate-key",
    ]


def test_a_quoted_merge_mark_is_a_template_and_a_plain_one_a_merge_key():
    assert slugs('"<<": 1') == ["template-in-key"]
    assert slugs("a: &a {}\nb: {<<: *a}") == ["yaml-merge-key"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_do_not_move_columns(line_end):
    document, findings = read("\ufeff" + line_end.join(["# first", "b:", "  c: [1, 人😀, x]"]))

    assert findings == ()
    assert document.value_place(("b", "c", 2)).span == Span(3, 14, 3, 15)


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029"])
def test_a_line_ends_where_editors_end_it(mark):
    document, findings = read(f'a: "x{mark}y"\nb: 1\n')

    assert findings == ()
    assert document.value_place(("b",)).span == Span(2, 4, 2, 5)
    assert document.value_place(("a",)).span == Span(1, 4, 1, 9)


def test_places_are_exact_in_every_style():
    document, _ = read(
        "a: plain\nb: 'single'\nc: \"double\"\nd: |\n  literal\n  more\ne: {f: [1, two]}\ng: &x anchored\n"
    )

    assert document.value_place(("a",)).span == Span(1, 4, 1, 9)
    assert document.value_place(("b",)).span == Span(2, 4, 2, 12)
    assert document.value_place(("c",)).span == Span(3, 4, 3, 12)
    assert document.value_place(("d",)).span == Span(4, 4, 4, 5)
    assert document.key_place(("e", "f")).span == Span(7, 5, 7, 6)
    assert document.value_place(("e", "f")).span == Span(7, 8, 7, 16)
    assert document.value_place(("e", "f", 1)).span == Span(7, 12, 7, 15)


def test_a_block_mapping_is_marked_up_to_the_end_of_its_first_line():
    document, _ = read("a:\n  b: 1\n  c: 2\n\n# comment\nd: 3\n")

    assert document.value_place(("a",)).span == Span(2, 3, 2, 7)


def test_what_is_not_there_is_marked_at_its_key():
    document, _ = read("a:\n  b:\n  c: 1")

    assert document.value_place(("a", "b")).span == Span(2, 3, 2, 4)


def test_bytes_that_are_no_text_are_placed_by_line_and_column():
    _, findings = read("a: ä\nb: x".encode() + b"\xff")

    assert [(found.slug, found.line, found.col) for found in findings] == [("yaml-encoding", 2, 5)]


@pytest.mark.parametrize("data", ["a: 1".encode("utf-16"), "a: 1".encode("utf-32"), b"\x80", b"a: \xed\xa0\x80"])
def test_other_encodings_are_refused(data):
    assert slugs(data) == ["yaml-encoding"]


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x9f", "\ufffe", "\uffff"])
def test_control_characters_are_refused_where_they_stand(character):
    _, findings = read(f"a: 1\nb: x{character}")

    assert [(found.slug, found.line, found.col) for found in findings] == [("yaml-control-character", 2, 5)]


def test_a_file_beyond_the_limit_is_refused():
    assert slugs(b"#" * (MAX_FILE + 1)) == ["file-too-large"]
    assert value_of("a: 1\n" + "#" * 100_000) == {"a": 1}


def test_an_empty_file_has_no_value():
    assert value_of("") is None
    assert value_of("# comment\n") is None
    assert value_of("---\n") is None


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("tasks", ("tasks",)),
        ("greet", ("tasks", "greet")),
        ("queue", ("tasks", "greet", "queue")),
        ("mial", ("tasks", "greet", "queue")),
        ("second", ("tasks", "greet", "tags", 1)),
        ("*same", ("tasks", "again")),
        ("nothing", ("tasks", "nothing")),
        ("line of", ("text",)),
        ("[list]", ()),
        ("# the end", ("text",)),
    ],
)
def test_what_stands_at_a_place_has_its_path(word, path):
    text = """\
? [list]
: 1
tasks:
  greet: &same {queue: mial, tags: [first, second]}
  again: *same
  nothing:
text: >
  a line of text
# the end
"""
    document, _ = read(text)

    assert document.path_at(text.index(word)) == path


def test_a_value_inside_itself_has_a_path_that_ends():
    document, _ = read("a: &a [1, *a]\nb: c\n")

    assert document.path_at(7) == ("a", 0)
    assert document.path_at(10) == ("a",)


@pytest.mark.parametrize("text", ["", "a: [", "# nothing"])
def test_nothing_has_the_path_of_the_whole_file(text):
    assert read(text)[0].path_at(0) == ()

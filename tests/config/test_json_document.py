"""Reading JSON Schema files: every value has its place, every mistake too."""

from __future__ import annotations

import pytest

from kongflow.config.findings import Span
from kongflow.config.json_document import read_json

TEXT = """{
  "type": "object",
  "properties": {
    "a b": {"enum": ["x", "\\u00e4\\"", [1, {"deep": null}]]},
    "人": {"minimum": -1.5e3}
  }
}
"""


def read(tmp_path, text: str | bytes):
    path = tmp_path / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_json(path, "x.json")


@pytest.mark.parametrize(
    ("path", "span"),
    [
        (("type",), Span(2, 11, 2, 19)),
        (("properties", "a b", "enum", 1), Span(4, 27, 4, 37)),
        (("properties", "a b", "enum", 2, 1, "deep"), Span(4, 52, 4, 56)),
        (("properties", "人", "minimum"), Span(5, 22, 5, 28)),
        (("properties",), Span(3, 17, 3, 18)),
        ((), Span(1, 1, 1, 2)),
    ],
)
def test_every_value_has_its_place(tmp_path, path, span):
    document, findings = read(tmp_path, TEXT)

    assert findings == ()
    assert document.value_place(path).span == span


def test_what_is_not_there_is_placed_at_the_nearest_around_it(tmp_path):
    document, _ = read(tmp_path, TEXT)

    assert document.value_place(("properties", "人", "absent")).span == Span(5, 10, 5, 29)


def test_a_key_has_its_place(tmp_path):
    document, _ = read(tmp_path, TEXT)

    assert document.key_place(("properties", "人")).span == Span(5, 5, 5, 8)
    assert document.key_place(("properties", "a b", "enum", 0)).span == Span(4, 22, 4, 25)


@pytest.mark.parametrize(
    ("text", "line", "col"),
    [
        ("", 1, 1),
        ("{", 1, 2),
        ("[1,\n 2,]", 2, 3),
        ('{"a": 1}\n{"b": 2}', 2, 1),
        ('{"a": "NaN", "b": [NaN]}', 1, 20),
        ('{"a": -Infinity}', 1, 7),
        ('{"x": [{"a": 1,\n "b": {"a": 1}, "a": 2}]}', 2, 17),
        ('{"a}": [{}], "a\\u007d": 1}', 1, 14),
        ('{"x": {"b": 1, "b": 2}, "c": }', 1, 30),  # the syntax first: what follows cannot be read
        ('{"x": {"b": 1, "b": 2}, "y": ' + "[" * 100_000, 1, 1),
        ('{"x": {"b": 1, "b": 2}, "y": NaN}', 1, 30),
        ('{"x": ' + "[" * 900 + '{"b": 1, "b": 2}' + "]" * 900 + "}", 1, 916),
        ("// comment\n{}", 1, 1),
        ("[" * 100_000, 1, 1),
        ("9" * 5_000, 1, 1),
        (b'{"a": "\xff"}', 1, 8),
        ("\x00", 1, 1),
    ],
)
def test_a_mistake_is_placed_exactly(tmp_path, text, line, col):
    _, findings = read(tmp_path, text)

    assert [(found.slug, found.line, found.col) for found in findings] == [("schema-not-json", line, col)]


def test_a_value_beside_one_of_many_levels_has_its_place(tmp_path):
    deep = "[" * 900 + "]" * 900
    document, findings = read(tmp_path, f'{{"x": {deep}, "y": 5}}')

    def place_from(level: int) -> int:
        return place_from(level - 1) if level else document.value_place(("y",)).span.col

    assert findings == ()
    assert place_from(60) == len(deep) + 14


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    document, findings = read(tmp_path, "\ufeff{}")

    assert (document.value, findings) == ({}, ())


def test_a_huge_file_is_refused(tmp_path):
    _, findings = read(tmp_path, b" " * (5 << 20))

    assert [found.slug for found in findings] == ["file-too-large"]


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("{", ()),
        ("object", ("type",)),
        ("a b", ("properties", "a b")),
        ("deep", ("properties", "a b", "enum", 2, 1, "deep")),
        ("null", ("properties", "a b", "enum", 2, 1, "deep")),
        ("1.5e3", ("properties", "人", "minimum")),
    ],
)
def test_what_stands_at_a_place_has_its_path(tmp_path, word, path):
    document, _ = read(tmp_path, TEXT)

    assert document.path_at(document.source.text.index(word)) == path

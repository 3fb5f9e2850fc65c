"""Values that look like something else than they are, where nothing says what is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.projects import load_project


def marked(folder: Path, config: str, **options) -> list[str]:
    """Return what the warnings of an ambiguous value mark."""
    text = f"version: 1\n{config}"
    found = [one for one in load_project(folder, text, **options).findings if one.slug == "yaml-ambiguous-scalar"]
    return [text.splitlines()[one.line - 1][one.col - 1 : one.end_col - 1] for one in found]


def scheduled(value: str, schema: str = "") -> str:
    payload = f", payload: {schema}" if schema else ""
    return (
        f"tasks: {{work: {{handler: tasks.work{payload}}}}}\n"
        f"schedules: {{hourly: {{every: 1h, task: work, payload: {{a: {value}}}}}}}"
    )


@pytest.mark.parametrize("value", ["yes", "No", "ON", "off", "1_000", "-1_0.5", "0b11", "007", "-08", "[x, {b: no}]"])
def test_a_value_that_may_be_meant_otherwise_is_marked(tmp_path, value):
    assert marked(tmp_path, scheduled(value)) == [value if value[0] != "[" else "no"]


@pytest.mark.parametrize(
    "value",
    ['"no"', "'007'", "true", "y", "n", "none", "nOn", "0", "0.5", "0x1F", "0o17", "1e3", "22:22", "2026-12-01", "1-0"],
)
def test_a_value_of_one_meaning_is_not(tmp_path, value):
    assert marked(tmp_path, scheduled(value)) == []


@pytest.mark.parametrize(
    ("schema", "is_settled"),
    [
        ("{type: object}", False),
        ("{properties: {a: {}}}", False),
        ("{properties: {a: {type: [string, boolean]}}}", False),
        ("{properties: {b: {type: string}}}", False),
        ("{type: object, properties: {a: {type: string}}}", True),
        ('{properties: {a: {type: [string, "null"]}}}', True),
        ('{type: object, properties: {a: {enum: ["no", "yes"]}}}', True),
        ("{type: object, additionalProperties: {type: string}}", True),
        ("{type: object, properties: {a: {type: boolean}}}", True),
    ],
)
def test_a_schema_that_takes_nothing_but_text_settles_it(tmp_path, schema, is_settled):
    assert marked(tmp_path, scheduled("no", schema)) == ([] if is_settled else ["no"])


def test_items_of_lists_are_looked_at_by_the_schema_of_theirs(tmp_path):
    schema = "{type: object, properties: {a: {type: array, prefixItems: [{type: string}], items: {}}}}"

    assert marked(tmp_path, scheduled("[no, off]", schema)) == ["off"]


def test_the_values_of_a_schema_in_the_file_are_looked_at(tmp_path):
    schema = (
        "{properties: {a: {enum: [on, x]}, b: {type: string, const: on}, c: {default: 1_0}, on: {description: no}}}"
    )

    assert marked(tmp_path, f"tasks: {{work: {{handler: tasks.work, payload: {schema}}}}}") == ["on", "1_0"]


def test_what_the_language_takes_as_text_is_text(tmp_path):
    config = "name: no\ntasks: {work: {handler: tasks.work, description: no, owner: on, tags: [off], flags: [yes]}}"

    assert marked(tmp_path, config) == []


def test_a_number_of_the_language_has_no_leading_zero(tmp_path):
    config = "x-own: 010\nrunner: {concurrency: 010}\ntasks: {work: {handler: tasks.work, max_attempts: 03}}"

    assert marked(tmp_path, config) == ["010", "03"]


def test_what_is_refused_for_its_type_is_not_told_twice(tmp_path):
    assert marked(tmp_path, "name: 007") == []


def test_under_a_schema_that_is_wrong_itself_nothing_is_said(tmp_path):
    assert marked(tmp_path, scheduled("no", "{properties: {a: {type: strng}}}")) == []


def test_a_variable_is_not_what_is_written(tmp_path):
    assert marked(tmp_path, scheduled('"${WORD}"'), env={"WORD": "no"}) == []
    assert marked(tmp_path, scheduled('"${WORD:-no}"'), env={}) == []


def test_an_alias_is_told_once(tmp_path):
    config = "tasks: {work: {handler: tasks.work, examples: [&a {b: no}, *a]}}"

    assert marked(tmp_path, config) == ["no"]

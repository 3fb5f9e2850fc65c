"""Whatever a file holds, loading it ends with findings or a catalog, never with an exception."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kongflow.config.environment import Environment, fill
from kongflow.config.findings import has_errors
from kongflow.config.json_document import read_json
from kongflow.config.law import law
from kongflow.config.load import load
from kongflow.config.report import github_report, json_report, text_report

LITTLE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

KEYS = st.sampled_from(
    [
        *law()["properties"],
        *law()["properties"]["tasks"]["additionalProperties"]["properties"],
        "x-a",
        "a",
        "default",
        "*",
    ]
)
WORDS = st.sampled_from(
    [
        "30s",
        "tasks.work",
        "${A}",
        "${A:-5}",
        "${",
        "<< payload.id >>",
        "<< x",
        "<<",
        ">>",
        "*",
        "runs:*",
        "a\0b",
        "é",
        "default",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | WORDS, inner, max_size=4), max_leaves=20
)
MARKS = st.text(alphabet="ab:-#&*!|>'\"%@`{}[],?\n \t<<${}~=.0159\\", max_size=60)


def check(folder: Path, data: bytes) -> None:
    path = folder / "kongflow.yaml"
    path.write_bytes(data)
    loaded = load(path, env={"A": "1"})

    assert (loaded.catalog is None) == has_errors(loaded.findings)
    for found in loaded.findings:
        assert (found.line, found.col) < (found.end_line, found.end_col)
        assert found.file in loaded.texts
    text_report(loaded.findings, loaded.texts)
    github_report(loaded.findings)
    json.loads(json_report(loaded.findings))


@LITTLE
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf")
@example(b"version: 1\r")
def test_any_bytes(tmp_path, data):
    check(tmp_path, data)


@LITTLE
@given(MARKS)
@example("a: &a [*a]")
@example("? ? ? ")
@example("version: 1\ntasks: {a: {queue: << p, b >>}}")
@example("version: 1\ntasks: {a: {b >>: 1}}")
def test_any_marks_of_yaml(tmp_path, text):
    check(tmp_path, text.encode())


@LITTLE
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_values_under_keys_of_the_language(tmp_path, value):
    check(tmp_path, yaml.safe_dump({"version": 1, **value}, allow_unicode=True).encode("utf-8", "surrogatepass"))


@LITTLE
@given(st.dictionaries(st.sampled_from(["a", "b"]), st.dictionaries(KEYS, VALUES, max_size=5), max_size=2))
def test_any_values_in_tasks(tmp_path, tasks):
    tasks = {name: {"handler": "tasks.work", **task} for name, task in tasks.items()}
    text = yaml.safe_dump({"version": 1, "queues": {"*": {}}, "tasks": tasks}, allow_unicode=True)
    check(tmp_path, text.encode("utf-8", "surrogatepass"))


@LITTLE
@given(st.text(alphabet="${}<>ABC:-?'\" ", max_size=30))
def test_any_text_with_variables(text):
    filled = fill(text, Environment({"A": "1"}))

    assert (filled.text is None) == bool(filled.problems)
    assert all(0 <= problem.start < problem.end <= len(text) for problem in filled.problems)


@LITTLE
@given(st.text(alphabet='{}[]",:0123 \\ua\nNIt', max_size=60))
def test_any_text_as_json(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    document, findings = read_json(path, "x.json")

    assert document.value_place(("a", 0)) is not None if not findings else len(findings) == 1

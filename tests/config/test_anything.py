"""Whatever a file holds, loading it ends with findings or a catalog, never with an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kongflow.cli.next_slots import next_slots
from kongflow.config.environment import Environment, fill
from kongflow.config.findings import has_errors
from kongflow.config.formats.github import github_report, github_summary
from kongflow.config.formats.gitlab import gitlab_report
from kongflow.config.formats.json_object import json_report
from kongflow.config.formats.sarif import sarif_report
from kongflow.config.json_document import read_json
from kongflow.config.law import law
from kongflow.config.load import load
from kongflow.config.report import text_report

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LITTLE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

KEYS = st.sampled_from(
    [
        *law()["properties"],
        *law()["properties"]["tasks"]["additionalProperties"]["properties"],
        *law()["properties"]["schedules"]["additionalProperties"]["properties"],
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
    for slot in next_slots(loaded.catalog.schedules.values(), NOW) if loaded.catalog else ():
        assert slot.shape()["words"]
    text_report(loaded.findings, loaded.texts)
    github_report(loaded.findings)
    github_summary(loaded.findings, path.name)
    for report in (json_report, gitlab_report, sarif_report):
        json.loads(report(loaded.findings))


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


FIELDS = st.text(alphabet="0123456789*/,-LW#?JANMONabc \u00b2", max_size=6)
LINES = st.lists(FIELDS, min_size=4, max_size=6).map(" ".join) | st.text(max_size=20)
ZONES = st.sampled_from(["Europe/Berlin", "Africa/Casablanca", "Antarctica/Troll", "Europe", "../UTC"]) | WORDS
TIMINGS = st.fixed_dictionaries({"cron": LINES}, optional={"timezone": ZONES}) | st.fixed_dictionaries({"every": WORDS})


@LITTLE
@given(TIMINGS, st.dictionaries(KEYS, VALUES, max_size=5), VALUES)
@example({"cron": "1,2#3 * * * *"}, {}, {})
@example({"cron": "0 0 L/2 * 5L"}, {}, {"a": ["<< schedule.slot.x >>"]})
@example({"cron": "0 2 29 2 */6", "timezone": "Europe/Berlin"}, {"overlap": "queue"}, {})
def test_any_schedule(tmp_path, timing, others, payload):
    schedule = {"task": "work", "payload": payload, **others, **timing}
    config = {"version": 1, "tasks": {"work": {"handler": "tasks.work"}}, "schedules": {"a": schedule}}
    (tmp_path / "tasks.py").write_text("def work(payload): ...\n")
    check(tmp_path, yaml.safe_dump(config, allow_unicode=True).encode("utf-8", "surrogatepass"))


@LITTLE
@given(st.text(alphabet="${}<>ABC:-?'\" ", max_size=30))
def test_any_text_with_variables(text):
    filled = fill(text, Environment({"A": "1"}))

    assert (filled.text is None) == bool(filled.problems)
    assert all(0 <= problem.start < problem.end <= len(text) for problem in filled.problems)


KEYS_OF_JSON = st.sampled_from(["a", "b", "a b", "{", '"', "\\", "é"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS_OF_JSON, inner, max_size=4),
    max_leaves=30,
)
EDITS = st.tuples(st.integers(0, 200), st.integers(0, 8), st.sampled_from(["", *'{}[]",:\\', "NaN", '"a":1,', "[["]))


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, length, new in edits:
        start %= len(text) + 1
        text = text[:start] + new + text[start + length :]
    return text


def why_refused(text: str) -> str | None:
    """Say what is wrong with a text by Python's own reader; None for JSON in which every key stands once."""

    def once(pairs):
        twice.extend(key for key, _ in pairs if [other for other, _ in pairs].count(key) > 1)
        return dict(pairs)

    def refuse(name):
        raise ValueError(name)

    twice: list[str] = []
    try:
        json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except ValueError as error:
        return str(error)
    return "stands twice" if twice else None


def paths(value, path=()):
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in inner:
        yield from paths(child, (*path, step))


@settings(LITTLE, max_examples=300)
@given(JSON, st.sampled_from([None, 1]), st.lists(EDITS, max_size=3))
@example({"a": {"b": 1}, "c": 0}, None, [(6, 0, '"b":1,'), (23, 1, "")])
@example({"a": 1}, None, [(1, 0, '"a":1,')])
def test_any_text_that_was_json(tmp_path, value, indent, edits):
    text = edited(json.dumps(value, indent=indent, ensure_ascii=False), edits)
    path = tmp_path / "x.json"
    path.write_text(text, newline="")
    document, findings = read_json(path, "x.json")

    wrong = why_refused(text)
    assert len(findings) == (wrong is not None)
    if wrong:
        assert document.value is None
        assert ("stands twice" in findings[0].message) == (wrong == "stands twice")
        return
    for steps, inner in paths(document.value):
        span = document.value_place(steps).span
        if not isinstance(inner, dict | list):
            line = document.source.line(span.line)
            assert json.loads(line[span.col - 1 : span.end_col - 1]) == inner

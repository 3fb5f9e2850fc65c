"""What a version would strand of another one: of queues, and of defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kongflow.config.versions import Version
from tests.config.projects import load_project, write


def against(folder: Path, before: str, after: str) -> list[tuple[str, str]]:
    """Return the slug and the message of everything that is found in a configuration, compared with an earlier one."""
    earlier = write(folder / "before", {"kongflow.yaml": f"version: 1\n{before}"})
    loaded = load_project(folder, f"version: 1\n{after}", against=Version("before", earlier))
    return [(found.slug, found.message) for found in loaded.findings]


@pytest.mark.parametrize(
    ("before", "after", "is_gone"),
    [
        ("mail", "mails", True),
        ("mail", "ma*", False),
        ("mail", "*", False),
        ("mail", "mail*", True),
        ("aba", "ab*ba", True),
        ("runs:*", "run*", False),
        ("runs:*", "*", False),
        ("runs:*", "runs:*:low", True),
        ("runs:*", "runs:a", True),
        ("runs:*:low", "runs:*", False),
        ("runs:*:low", "run*w", False),
        ("runs:*:low", "run*high", True),
    ],
)
def test_a_queue_is_gone_unless_a_pattern_takes_all_its_names(tmp_path, before, after, is_gone):
    found = against(tmp_path, f'queues: {{"{before}": {{}}}}', f'queues: {{"{after}": {{}}}}')

    assert [slug for slug, _ in found] == (["queue-removed"] if is_gone else [])


def payload(properties: Any) -> str:
    schema = json.dumps({"type": "object", "properties": properties})
    return f"tasks: {{work: {{handler: tasks.work, payload: {schema}}}}}"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": {"default": 5}}, {"a": {"default": 6}}, "$.a was 5, and is 6 now"),
        ({"a": {"default": True}}, {"a": {"default": 1}}, "$.a was true, and is 1 now"),
        ({"a": {"default": "ä" * 90}}, {"a": {"default": ""}}, f'$.a was "{"ä" * 58}…, and is "" now'),
        (
            {"a": {"type": "object", "properties": {"b": {"default": [1]}}}},
            {"a": {"type": "object", "properties": {"b": {"default": [2]}}}},
            "$.a.b was [1], and is [2] now",
        ),
    ],
)
def test_a_default_that_has_changed_is_told(tmp_path, before, after, words):
    (found,) = against(tmp_path, payload(before), payload(after))

    assert found == (
        "schema-default-changed",
        f"jobs of work that wait keep what they were given: the default of {words}",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": {"default": 5}}, {"a": {"default": 5.0}}),
        ({"a": {"default": 5}}, {"a": {}}),
        ({"a": {}}, {"a": {"default": 5}}),
        ({"a": {"items": {"default": 5}}}, {"a": {"items": {"default": 6}}}),
        ({"a": {"default": {"x": 1, "y": 2}}}, {"a": {"default": {"y": 2, "x": 1}}}),
    ],
)
def test_a_default_that_is_the_same_or_was_none_is_not(tmp_path, before, after):
    assert against(tmp_path, payload(before), payload(after)) == []


def test_fields_that_were_not_declared_are_told_once_for_each_object(tmp_path):
    owner = {"type": "object", "properties": {"name": {}}}
    more = {"type": "object", "properties": {"name": {}, "age": {"type": "integer"}, "zip": {"type": "string"}}}

    found = against(tmp_path, payload({"owner": owner}), payload({"owner": more, "size": {"type": "integer"}}))

    assert [message.partition(": ")[2] for _, message in found] == [
        "'age', 'zip' were not declared, so that they may be anything in what was added at $.owner",
        "'size' was not declared, so that it may be anything in what was added at $.size",
    ]

"""What all JSON of the command line has in common."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.test_exit_codes import LEAVES, Name
from tests.cli.test_help import COMMANDS

WITH_JSON = [path for path in LEAVES if any("--json" in parameter.opts for parameter in COMMANDS[path].params)]
LISTS: dict[Name, list[str]] = {
    ("explain",): [],
    ("retries",): ["quick"],
    ("enqueue",): ["--batch", "batch.jsonl"],
    ("jobs", "list"): [],
    ("queues", "list"): [],
    ("schedules", "list"): [],
    ("schedules", "next"): ["leap_day"],
    ("workers", "list"): [],
    **{("jobs", verb): ["1"] for verb in ("retry", "cancel", "delete", "wait")},
    ("jobs", "run-now"): ["2"],
    ("jobs", "reschedule"): ["2", "--in", "1h"],
}
OBJECTS: dict[Name, list[str]] = {
    ("explain",): ["unknown-key"],
    ("config",): [],
    ("validate",): [],
    ("render",): ["anything"],
    ("enqueue",): ["anything"],
    ("jobs", "show"): ["1"],
    ("queues", "pause"): ["fast"],
    ("queues", "resume"): ["fast"],
    **{("schedules", verb): ["leap_day"] for verb in ("run", "pause", "resume")},
    ("db", "status"): [],
    ("status",): [],
    ("plan",): [],
}


@pytest.fixture
def document(invoke: Invoke, project: Any) -> Any:
    """Call a command with --json where job 1 has ended and job 2 waits; return what it prints."""
    (project / "batch.jsonl").write_text('{"task": "anything"}\n')
    invoke("enqueue", "anything")
    invoke("run", "--once")
    invoke("enqueue", "anything", "--in", "1h")

    def call(path: Name, args: list[str]) -> dict[str, Any]:
        printed: dict[str, Any] = json.loads(invoke(*path, *args, "--json").stdout)
        return printed

    return call


def test_every_command_that_prints_data_has_json() -> None:
    texts = {("schema",), ("generate", "python"), ("docs",), ("db", "sql")}
    without = {("init",), ("run",), ("db", "upgrade"), *texts}

    assert set(WITH_JSON) == set(LEAVES) - without
    assert set(WITH_JSON) == LISTS.keys() | OBJECTS.keys()


@pytest.mark.parametrize(("path", "args"), LISTS.items())
def test_a_list_is_items_and_a_cursor(path: Name, args: list[str], document: Any) -> None:
    printed = document(path, args)

    assert next(iter(printed.items())) == ("schema", 1)
    assert all(isinstance(item, dict) for item in printed["items"])
    assert printed["next_cursor"] is None


@pytest.mark.parametrize(("path", "args"), OBJECTS.items())
def test_an_object_says_the_version_of_its_shape_first(path: Name, args: list[str], document: Any) -> None:
    printed = document(path, args)

    assert next(iter(printed.items())) == ("schema", 1)
    assert "items" not in printed


def test_a_finding_is_explained_to_programs_too(document: Any) -> None:
    listed = {item["slug"]: item for item in document(("explain",), [])["items"]}
    explained = document(("explain",), ["unknown-key"])

    assert listed["unknown-key"] == {
        "slug": "unknown-key",
        "severity": "error",
        "title": "A key is not part of the language.",
    }
    assert explained.items() >= listed["unknown-key"].items()
    assert explained["text"].startswith(explained["title"])

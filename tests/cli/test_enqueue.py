from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke

Show = Callable[[str], dict[str, Any]]
Enqueue = Callable[..., str]


def test_the_id_is_all_that_stdout_gets(invoke: Invoke) -> None:
    result = invoke("enqueue", "greet", '{"name": "Ada"}')

    assert result.stdout.strip().isdigit()
    assert f"added greet as job {result.stdout.strip()} on queue greetings" in result.stderr


def test_a_job_that_no_living_runner_serves_says_so(invoke: Invoke) -> None:
    result = invoke("enqueue", "greet", '{"name": "Ada"}')

    assert "no runner is alive; start one: kongflow run" in result.stderr


@pytest.mark.parametrize("source", ["argument", "file", "stdin", "stdin with a byte order mark"])
def test_a_payload_comes_as_an_argument_a_file_or_stdin(
    source: str, enqueue: Enqueue, invoke: Invoke, show: Show, project: Path
) -> None:
    text = '{"name": "Ada", "salutation": "Hi"}'
    (project / "payload.json").write_text(text)
    argument = {"argument": text, "file": "@payload.json"}.get(source, "-")
    stdin = ("\ufeff" if "mark" in source else "") + text

    job = invoke("enqueue", "greet", argument, stdin=stdin.encode()).stdout.strip()

    assert show(job)["payload"] == {"name": "Ada", "salutation": "Hi"}


def test_arguments_are_typed_by_the_schema_else_json_else_text(enqueue: Enqueue, show: Show) -> None:
    greeting = enqueue("greet", "--arg", "name=17", "--arg", "times=3")
    free = enqueue("anything", "--arg", "a=17", "--arg", "b=true", "--arg", "c=[1]", "--arg", "d=x=y", "--arg", "e=")

    assert show(greeting)["payload"] == {"name": "17", "times": 3, "salutation": "Hello"}
    assert show(free)["payload"] == {"a": 17, "b": True, "c": [1], "d": "x=y", "e": ""}


def test_arguments_are_set_on_top_of_a_payload(enqueue: Enqueue, show: Show) -> None:
    job = enqueue("anything", '{"a": 1, "b": 1}', "--arg", "b=2")

    assert show(job)["payload"] == {"a": 1, "b": 2}


def test_every_option_reaches_the_job(enqueue: Enqueue, show: Show) -> None:
    job = enqueue(
        *("anything", "--in", "1h", "--key", "k1", "--key-mode", "preserve_run_at", "--queue", "runs:7"),
        *("--priority", "-5", "--max-attempts", "2", "--flag", "gpu", "--tag", "a", "--tag", "b"),
    )

    shown = show(job)
    assert {name: shown[name] for name in ("queue", "priority", "max_attempts", "key", "flags", "tags", "state")} == {
        "queue": "runs:7",
        "priority": -5,
        "max_attempts": 2,
        "key": "k1",
        "flags": ["gpu"],
        "tags": ["a", "b"],
        "state": "scheduled",
    }
    starts = datetime.fromisoformat(shown["run_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < starts <= timedelta(hours=1)


def test_at_takes_an_instant_with_its_offset(enqueue: Enqueue, show: Show) -> None:
    job = enqueue("anything", "--at", "2099-01-01T01:00:00+01:00")

    assert show(job)["run_at"] == "2099-01-01T00:00:00.000Z"


def test_a_second_job_of_a_key_says_that_the_first_is_there(invoke: Invoke, enqueue: Enqueue) -> None:
    first = enqueue("anything", "--key", "k")

    second = invoke("enqueue", "anything", "--key", "k")

    assert second.stdout.strip() == first
    assert f"the key k has job {first} already; it is ready" in second.stderr


def test_json_is_the_whole_job(invoke: Invoke) -> None:
    job = json.loads(invoke("enqueue", "start_run", '{"id": "run_1"}', "--json").stdout)

    assert (job["task"], job["queue"], job["key"], job["max_attempts"]) == ("start_run", "runs:run_1", "run:run_1", 1)
    assert job["id"].isdigit()
    assert job["run_at"].endswith("Z")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["greet", '{"name": 5}'], 1, "$.name"),
        (["greet", "{name: Ada}"], 1, "not valid JSON"),
        (["greet", '{"name": "a", "name": "b"}'], 1, "'name' stands twice"),
        (["greet", "[]"], 1, "must be a JSON object"),
        (["greet", "@missing.json"], 3, "cannot read missing.json: No such file or directory"),
        (["greet", "--arg", "name"], 2, "--arg is NAME=VALUE, not 'name'"),
        (["greet", "--arg", "name=a", "--arg", "name=b"], 2, "--arg name is given twice"),
        (["gret", "{}"], 5, "no task 'gret' is declared in kongflow.yaml; did you mean 'greet'?"),
        (["anything", "--queue", "runs"], 5, "runs"),
        (["anything", "--queue", "a*b"], 2, "'*'"),
        (["anything", "--priority", "40000"], 2, "priority"),
        (["anything", "--in", "5"], 2, "a duration needs a unit"),
        (["anything", "--at", "2026-11-24T09:30:00"], 2, "has no time zone"),
        (
            ["anything", "--at", "9999-01-01T00:00:00Z"],
            2,
            "9999-01-01T00:00:00+00:00 is more than a hundred years away",
        ),
        (["anything", "--at", "tomorrow"], 2, "is not an ISO 8601 instant"),
        (["anything", "--in", "5m", "--at", "2099-01-01T00:00:00Z"], 2, "--in and --at exclude each other"),
        (["anything", "--key-mode", "replce", "--key", "k"], 2, "replce"),
        (["anything", "--timeout", "5s"], 2, "--timeout belongs to --wait"),
        (["anything", "--key-mode", "replace"], 2, "the key mode replace needs a key, and this job has none"),
        (["greet", ""], 1, "the payload is empty; an object without properties is {}"),
        (["greet", "  "], 1, "the payload is empty"),
        (["greet", "ada.json"], 1, "a file is given as @ada.json"),
        (["greet", "\udcff"], 1, "is not UTF-8 text"),
        (["greet", '{"name": "\udcff"}'], 1, "is not UTF-8 text at character 10"),
        (["greet", "--arg", "name=\udcff"], 1, "is not UTF-8 text"),
        ([], 2, "name a TASK, or give --batch"),
        (["start_run", '{"id": ""}'], 1, "$.id"),
    ],
)
@pytest.mark.usefixtures("tables")
def test_a_mistake_is_one_clear_message_and_no_job(
    arguments: list[str], exit_code: int, words: str, invoke: Invoke
) -> None:
    result = invoke("enqueue", *arguments, exit_code=exit_code)

    assert words in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert json.loads(invoke("jobs", "list", "--json").stdout)["items"] == []


def test_bytes_that_are_no_text_are_refused(invoke: Invoke) -> None:
    assert "stdin is not UTF-8 text" in invoke("enqueue", "anything", "-", stdin=b"\xff\xfe", exit_code=1).stderr


def test_an_empty_stdin_is_an_empty_payload(invoke: Invoke) -> None:
    told = invoke("enqueue", "anything", "-", stdin="", exit_code=1).stderr

    assert "the payload on stdin is empty" in told
    assert "line 1 column 1" not in told


def test_who_wrote_json_is_not_told_how_files_are_given(invoke: Invoke) -> None:
    told = invoke("enqueue", "greet", '{"name": "Ada"', exit_code=1).stderr

    assert "is not valid JSON" in told
    assert "@" not in told

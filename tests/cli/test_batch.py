from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kongflow.engine.client import EnqueueOptions
from tests.cli.conftest import Invoke

Show = Callable[[str], dict[str, Any]]


def lines(*entries: object) -> str:
    return "".join((entry if isinstance(entry, str) else json.dumps(entry)) + "\n" for entry in entries)


def test_each_line_is_a_job_with_its_options(invoke: Invoke, show: Show) -> None:
    batch = lines(
        {"task": "greet", "payload": {"name": "Ada"}},
        "",
        {"task": "anything", "priority": 3, "tags": ["x"], "job_key": "k", "queue": "runs:1", "run_at": "1h"},
        {"task": "anything", "run_at": "2099-01-01T00:00:00Z"},
    )

    result = invoke("enqueue", "--batch", "-", stdin=batch)

    ids = result.stdout.split()
    assert [show(job)["task"] for job in ids] == ["greet", "anything", "anything"]
    second, third = show(ids[1]), show(ids[2])
    assert (second["priority"], second["tags"], second["key"], second["queue"]) == (3, ["x"], "k", "runs:1")
    assert second["state"] == "scheduled"
    assert third["run_at"] == "2099-01-01T00:00:00.000Z"
    assert "added 3 jobs" in result.stderr


def test_a_batch_may_be_a_file(invoke: Invoke, project: Path) -> None:
    (project / "jobs.jsonl").write_text(lines({"task": "anything"}, {"task": "anything"}))

    assert len(invoke("enqueue", "--batch", "jobs.jsonl").stdout.split()) == 2


def test_json_gives_the_jobs(invoke: Invoke) -> None:
    result = invoke("enqueue", "--batch", "-", "--json", stdin=lines({"task": "anything"}))

    assert [job["task"] for job in json.loads(result.stdout)["items"]] == ["anything"]


def test_a_job_whose_key_is_there_is_not_counted_as_added(invoke: Invoke) -> None:
    invoke("enqueue", "anything", "--key", "k")

    result = invoke("enqueue", "--batch", "-", stdin=lines({"task": "anything", "job_key": "k"}, {"task": "anything"}))

    assert "added 1 job; 1 had a job of their key already" in result.stderr


def test_all_bad_lines_are_named_and_then_there_is_no_job_at_all(invoke: Invoke) -> None:
    batch = lines(
        {"task": "greet", "payload": {"name": "Ada"}},
        {"task": "greet", "payload": {"name": 5}},
        "{not json",
        {"task": "anything", "prority": 1},
        {"task": "anything", "run_at": "2026-11-24T09:30:00"},
        {"task": "anything", "run_at": 5},
        {"payload": {}},
        "[]",
        {"task": "gret"},
    )

    result = invoke("enqueue", "--batch", "-", stdin=batch, exit_code=1)

    told = result.stderr
    assert "no job was added:" in told
    assert "line 1:" not in told
    for number, words in {
        2: "$.name",
        3: "not valid JSON",
        4: "there is no option 'prority'; did you mean 'priority'?",
        5: "has no time zone",
        6: "run_at is a duration such as 5m or an instant such as 2026-11-24T09:30:00Z, not 5",
        7: '"task" is missing',
        8: "a line is an object",
        9: "no task 'gret' is declared in kongflow.yaml; did you mean 'greet'?",
    }.items():
        line = next(line for line in told.splitlines() if f"line {number}:" in line)
        assert words in line
    assert json.loads(invoke("jobs", "list", "--json").stdout)["items"] == []


@pytest.mark.parametrize("line", ["{not json", '{"task": "anything", "prority": 1}', '{"task": "gone"}'])
def test_bad_lines_are_exit_1_whatever_is_wrong_with_them(line: str, invoke: Invoke) -> None:
    invoke("enqueue", "--batch", "-", stdin=line, exit_code=1)


def test_a_batch_that_cannot_be_read_is_exit_3(invoke: Invoke) -> None:
    assert "cannot read gone.jsonl" in invoke("enqueue", "--batch", "gone.jsonl", exit_code=3).stderr


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"in": "5m"}, "there is no option 'in'; write run_at, a duration such as 5m"),
        ({"at": "2026-11-24T09:30:00Z"}, "there is no option 'at'; write run_at, an instant such as"),
        ({"key": "k"}, "there is no option 'key'; write job_key"),
        ({"key-mode": "replace"}, "there is no option 'key-mode'; write job_key_mode"),
        ({"tag": "x"}, "there is no option 'tag'; write tags, a list"),
        ({"run_at": "x"}, "run_at is a duration such as 5m or an instant such as 2026-11-24T09:30:00Z, not 'x'"),
        ({"run_at": "5"}, "a duration needs a unit"),
    ],
)
def test_an_option_by_the_name_that_the_command_has_for_it_is_told_its_own(
    option: dict[str, str], words: str, invoke: Invoke
) -> None:
    told = invoke("enqueue", "--batch", "-", stdin=lines({"task": "anything", **option}), exit_code=1).stderr

    assert words in told


def test_problems_of_a_line_stand_below_it(invoke: Invoke) -> None:
    batch = lines({"task": "greet", "payload": {"name": 5, "nme": 5}})

    told = invoke("enqueue", "--batch", "-", stdin=batch, exit_code=1).stderr

    assert "\n  line 1: " in told
    assert "\n    $.name: " in told


def test_the_help_names_every_option_of_a_line(invoke: Invoke) -> None:
    told = invoke("enqueue", "--help").stdout

    assert [name for name in EnqueueOptions.__annotations__ if f'"{name}"' not in told] == []


def test_many_bad_lines_are_counted(invoke: Invoke) -> None:
    result = invoke("enqueue", "--batch", "-", stdin=lines(*["x"] * 50), exit_code=1)

    assert "and 30 more bad lines" in result.stderr


def test_an_empty_batch_adds_nothing(invoke: Invoke) -> None:
    result = invoke("enqueue", "--batch", "-", stdin="\n\n")

    assert result.stdout == ""
    assert "added 0 jobs" in result.stderr


@pytest.mark.parametrize("more", [["anything"], ["--priority", "1"], ["--arg", "a=1"], ["--wait"], ["--tag", "x"]])
def test_what_would_be_ignored_beside_a_batch_is_refused(more: list[str], invoke: Invoke) -> None:
    result = invoke("enqueue", *more, "--batch", "-", stdin="", exit_code=2)

    assert "--batch takes task, payload and options from its lines" in result.stderr

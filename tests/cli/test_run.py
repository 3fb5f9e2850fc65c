"""`kongflow run --once`, and what it says before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.runners import Enqueue, Show
from tests.project_folder import CONFIG


def test_once_ends_when_nothing_is_left_and_says_what_is(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("greet", '{"name": "Ada"}')
    enqueue("anything", "--in", "1h")
    enqueue("retry")

    result = invoke("run", "--once")

    assert result.stdout == ""
    assert (
        "done: 1 succeeded, 0 failed, 1 to be retried; "
        "left: 2 wait for their time, their retry or the end of a pause, 0 are with other runners or for them"
    ) in result.stderr


def test_once_is_exit_0_where_a_job_waits_for_its_retry(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("retry")

    assert "left: 1 waits for its time, its retry or the end of a pause" in invoke("run", "--once").stderr
    assert "everything succeeded" not in invoke("run", "--help").stdout


def test_once_fails_if_a_job_failed(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("fail")

    assert "0 succeeded, 1 failed" in invoke("run", "--once", exit_code=1).stderr


def test_jobs_that_handlers_add_are_run_too(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("add_another")

    assert "2 succeeded" in invoke("run", "--once").stderr


def test_only_the_queues_that_are_named_are_served(invoke: Invoke, enqueue: Enqueue, show: Show) -> None:
    greeting = enqueue("greet", '{"name": "Ada"}')
    run = enqueue("start_run", '{"id": "1"}')

    told = invoke("run", "--once", "--queues", "greetings, fast").stderr

    assert (show(greeting)["state"], show(run)["state"]) == ("succeeded", "ready")
    assert "1 is with other runners or for them" in told
    assert "queues       greetings, fast" in told


def test_it_introduces_itself(invoke: Invoke, project: Path) -> None:
    told = invoke("run", "--once", "--concurrency", "7").stderr

    for words in (
        "KongFlow 0.1.0 · tests · kongflow.yaml",
        f"database     sqlite:///{project}/jobs.db",
        "queues       *",
        "concurrency  7",
        "tasks        add_another, anything, decline",
    ):
        assert words in told


def test_in_json_every_line_of_the_log_is_json(invoke: Invoke, enqueue: Enqueue) -> None:
    job = enqueue("anything")

    lines = [json.loads(line) for line in invoke("run", "--once", "--log-format", "json").stderr.splitlines()]

    assert [line["event"] for line in lines if "event" in line] == [
        *("runner.started", "job.started", "job.succeeded", "runner.stopping", "runner.stopped"),
    ]
    assert next(line for line in lines if line.get("event") == "job.succeeded")["job"] == job
    assert "left: 0 wait for their time" in lines[-1]["message"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_weak_commits_are_explained(log_format: str, invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("jobs.db}", "jobs.db?synchronous=normal}"))

    told = invoke("run", "--once", "--log-format", log_format).stderr

    assert "after a power failure" in told


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["--queues", "greting"], 5, "did you mean 'greetings'?"),
        (["--queues", "runs:1"], 5, "exactly as declared"),
        (["--queues", " , "], 2, "--queues"),
        (["--concurrency", "0"], 2, "0"),
        (["--log-format", "xml"], 2, "xml"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    arguments: list[str], exit_code: int, words: str, invoke: Invoke
) -> None:
    result = invoke("run", "--once", *arguments, exit_code=exit_code)

    assert words in result.stderr
    assert "KongFlow 0.1.0" not in result.stderr
    assert "runner.started" not in result.stderr


def test_a_queue_that_is_named_twice_is_served_once(invoke: Invoke) -> None:
    told = invoke("run", "--once", "--queues", "greetings,greetings").stderr

    assert "queues       greetings\n" in told
    assert "queues=greetings " in told


def test_a_handler_that_cannot_be_imported_is_a_clear_word(invoke: Invoke, project: Path) -> None:
    (project / "job_handlers.py").write_text("import a_library_that_nobody_has\n" + "def greet(payload): ...\n")
    (project / "kongflow.yaml").write_text(
        "version: 1\nname: tests\ntasks: {greet: {handler: job_handlers.greet}}\ndatabase: {url: 'sqlite:///jobs.db'}\n"
    )

    told = invoke("run", "--once", exit_code=1).stderr

    assert "error: a handler cannot be used:" in told
    assert "a_library_that_nobody_has" in told
    assert "Traceback" not in told


def test_a_secret_without_a_value_is_a_clear_word(invoke: Invoke, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace(", default: dummy-sesame", ""))

    told = invoke("run", "--once", exit_code=1).stderr

    assert told.startswith("error: secret 'api_token': the environment variable API_TOKEN is not set")

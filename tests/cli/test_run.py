from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG

Show = Callable[[str], dict[str, Any]]
Enqueue = Callable[..., str]
KONGFLOW = [sys.executable, "-m", "kongflow"]
DEADLINE = 30.0


@pytest.fixture
def runner(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A runner in a process of its own, working."""
    process = subprocess.Popen([*KONGFLOW, "run", "--log-format", "json"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    read_until(process.stderr, "runner.started")
    yield process
    process.kill()
    process.communicate()


def read_until(stream: IO[str], event: str) -> dict[str, Any]:
    for line in stream:
        entry: dict[str, Any] = json.loads(line)
        if entry.get("event") == event:
            return entry
    raise AssertionError(f"the log ended without {event}")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- once ------------------------------------------------------------------------------------------------------------


def test_once_ends_when_nothing_is_left_and_says_what_is(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("greet", '{"name": "Ada"}')
    enqueue("anything", "--in", "1h")
    enqueue("retry")

    result = invoke("run", "--once")

    assert result.stdout == ""
    assert (
        "done: 1 succeeded, 0 failed, 1 to be retried; "
        "left: 2 wait for their time or their retry, 0 are for other runners"
    ) in result.stderr


def test_once_is_exit_0_where_a_job_waits_for_its_retry(invoke: Invoke, enqueue: Enqueue) -> None:
    enqueue("retry")

    assert "left: 1 waits for its time or its retry" in invoke("run", "--once").stderr
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
    assert "1 is for other runners" in told
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
    (project / "kongflow.yaml").write_text(CONFIG.replace(", default: open-sesame", ""))

    told = invoke("run", "--once", exit_code=1).stderr

    assert told.startswith("error: secret 'api_token': the environment variable API_TOKEN is not set")


# --- until stopped ---------------------------------------------------------------------------------------------------


def test_sigterm_drains_and_ends_with_0(runner: subprocess.Popen[str]) -> None:
    runner.send_signal(signal.SIGTERM)

    assert runner.wait(DEADLINE) == 0


def test_the_second_signal_gives_running_jobs_back_and_their_attempt_too(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show
) -> None:
    job = enqueue("linger")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")

    runner.send_signal(signal.SIGINT)
    assert "a second signal gives running jobs back at once" in read_until(runner.stderr, "runner.signal")["meaning"]
    assert read_until(runner.stderr, "runner.stopping")["within"] == 1.0
    runner.send_signal(signal.SIGINT)
    assert "a third signal ends the process at once" in read_until(runner.stderr, "runner.signal")["meaning"]

    assert runner.wait(DEADLINE) == 0
    assert (show(job)["state"], show(job)["attempt"], show(job)["claims"]) == ("ready", 0, 1)


def test_a_thread_that_never_ends_does_not_keep_the_process(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show
) -> None:
    job = enqueue("stick")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")

    runner.send_signal(signal.SIGTERM)

    assert runner.wait(DEADLINE) == 0
    assert (show(job)["state"], show(job)["attempt"]) == ("ready", 0)


def test_a_signal_ends_it_in_time_also_while_somebody_else_has_the_file(
    runner: subprocess.Popen[str], enqueue: Enqueue, project: Path
) -> None:
    enqueue("linger")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")
    holder = sqlite3.connect(project / "jobs.db", isolation_level=None)
    holder.execute("begin immediate")

    runner.send_signal(signal.SIGTERM)

    # shutdown_timeout is 2 s; another process's lock is otherwise waited for 30 s.
    assert runner.wait(15) == 0
    holder.close()


def test_a_runner_whose_file_was_replaced_says_so_and_ends_with_1(runner: subprocess.Popen[str], project: Path) -> None:
    assert runner.stderr is not None
    (project / "jobs.db").rename(project / "moved.db")

    stopping = read_until(runner.stderr, "runner.stopping")

    assert "deleted or replaced" in stopping["why"]
    assert runner.wait(DEADLINE) == 1


def test_a_task_of_a_handlers_that_exits_is_one_failed_job(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show
) -> None:
    exits, innocent = enqueue("exit_inside"), enqueue("anything")

    wait_for(lambda: [show(job)["state"] for job in (exits, innocent)] == ["failed", "succeeded"])
    assert show(exits)["error"]["type"] == "SystemExit"
    assert runner.poll() is None


def test_the_third_signal_ends_the_process_at_once_with_130(runner: subprocess.Popen[str], enqueue: Enqueue) -> None:
    enqueue("stick")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")

    runner.send_signal(signal.SIGTERM)
    read_until(runner.stderr, "runner.stopping")
    runner.send_signal(signal.SIGINT)
    runner.send_signal(signal.SIGTERM)

    assert runner.wait(DEADLINE) == 130


def test_a_job_that_is_waited_for_prints_its_result_and_its_outcome_is_the_exit_code(
    runner: subprocess.Popen[str], invoke: Invoke
) -> None:
    succeeded = invoke("enqueue", "greet", "--arg", "name=Ada", "--wait", "--timeout", "30s")
    failed = invoke("enqueue", "fail", "--wait", exit_code=10)
    declined = invoke("enqueue", "decline", "--wait", exit_code=11)

    assert succeeded.stdout == '"Hello, Ada!"\n'
    assert "no runner is alive" not in succeeded.stderr
    assert "no living runner" not in succeeded.stderr
    assert (failed.stdout, declined.stdout) == ("", "")
    assert "cancelled (handler): not today" in declined.stderr


def test_a_job_that_leaves_nothing_can_be_waited_for(runner: subprocess.Popen[str], invoke: Invoke) -> None:
    assert invoke("enqueue", "leave_nothing", '{"a": 1}', "--wait").stdout == '{"a": 1}\n'


def test_waiting_with_json_prints_the_ended_job(runner: subprocess.Popen[str], invoke: Invoke) -> None:
    job = json.loads(invoke("enqueue", "anything", "--wait", "--json").stdout)

    assert (job["state"], job["result"]) == ("succeeded", {})


def test_a_runner_is_listed_while_it_lives(runner: subprocess.Popen[str], invoke: Invoke) -> None:
    (item,) = json.loads(invoke("workers", "list", "--json").stdout)["items"]

    assert (item["pid"], item["alive"], item["in_force"], item["queues"]) == (runner.pid, True, True, ["*"])
    assert f":{runner.pid}" in invoke("workers", "list").stdout


def test_a_running_job_is_asked_to_stop(
    runner: subprocess.Popen[str], invoke: Invoke, enqueue: Enqueue, show: Show
) -> None:
    job = enqueue("linger")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")

    told = invoke("jobs", "cancel", job).stderr

    assert "is running and was asked to stop" in told
    wait_for(lambda: show(job)["state"] == "cancelled")


@pytest.mark.parametrize("verb", ["retry", "delete"])
def test_a_running_job_can_be_neither_retried_nor_deleted(
    verb: str, runner: subprocess.Popen[str], invoke: Invoke, enqueue: Enqueue
) -> None:
    job = enqueue("linger")
    assert runner.stderr is not None
    read_until(runner.stderr, "job.started")

    assert "Traceback" not in invoke("jobs", verb, job, exit_code=1).stderr


# --- the shell -------------------------------------------------------------------------------------------------------


def test_ctrl_c_while_waiting_is_130_without_a_traceback(enqueue: Enqueue) -> None:
    job = enqueue("anything")
    waiting = subprocess.Popen([*KONGFLOW, "jobs", "wait", job], stderr=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert "ready" in waiting.stderr.readline()

    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(DEADLINE) == 130
    told = waiting.stderr.read()
    assert told == f"error: interrupted; job {job} goes on, and `kongflow jobs wait {job}` waits again\n"
    waiting.stderr.close()


def test_ctrl_c_while_waiting_names_every_job_that_goes_on(enqueue: Enqueue) -> None:
    for command, jobs in (
        (["jobs", "wait", enqueue("anything"), enqueue("anything")], "jobs 1, 2 go on, and `kongflow jobs wait 1 2`"),
        (["enqueue", "anything", "--wait"], "job 3 goes on, and `kongflow jobs wait 3`"),
    ):
        waiting = subprocess.Popen([*KONGFLOW, *command], stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        assert any("attempt" in line for line in waiting.stderr)
        waiting.send_signal(signal.SIGINT)

        assert waiting.wait(DEADLINE) == 130
        assert waiting.stderr.read() == f"error: interrupted; {jobs} waits again\n"
        waiting.stderr.close()


def test_a_reader_that_goes_away_is_no_error(invoke: Invoke, project: Path) -> None:
    batch = "".join(json.dumps({"task": "anything", "payload": {"text": "x" * 2000}}) + "\n" for _ in range(200))
    invoke("enqueue", "--batch", "-", stdin=batch)

    listing = subprocess.Popen(
        [*KONGFLOW, "jobs", "list", "--json", "--limit", "200"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.read(10)
    listing.stdout.close()

    assert (listing.wait(DEADLINE), listing.stderr.read()) == (0, b"")
    listing.stderr.close()


@pytest.mark.parametrize(("output", "exit_code", "told"), [("/dev/full", 1, b"cannot be written"), ("&-", 0, b"")])
def test_an_output_that_takes_nothing_is_no_traceback(output: str, exit_code: int, told: bytes, invoke: Invoke) -> None:
    invoke("enqueue", "anything")

    done = subprocess.run(
        ["sh", "-c", f'"$0" -m kongflow jobs list >{output}', sys.executable], capture_output=True, check=False
    )

    assert done.returncode == exit_code
    assert told in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_output_that_takes_nothing_says_which_jobs_were_added(invoke: Invoke) -> None:
    for arguments, added in (("anything", b"1"), ("--batch jobs.jsonl", b"2, 3")):
        Path("jobs.jsonl").write_text('{"task": "anything"}\n' * 2)
        command = f'"$0" -m kongflow enqueue {arguments} >/dev/full'
        done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, check=False)

        assert done.returncode == 1
        told = b"error: the output cannot be written: No space left on device. Added all the same: " + added
        assert done.stderr.splitlines()[-1] == told


def test_a_terminal_that_lacks_a_character_gets_escapes_instead_of_an_error(invoke: Invoke) -> None:
    invoke("enqueue", "greet", "--arg", "name=Zoë", "--key", "日本")

    done = subprocess.run(
        [*KONGFLOW, "jobs", "list"],
        capture_output=True,
        encoding="latin-1",
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )

    assert "\\u65e5\\u672c" in done.stdout

"""`kongflow run` until it is stopped: signals, faults, and other commands beside it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.runners import DEADLINE, KONGFLOW, Enqueue, Show, read_until, wait_for


@pytest.fixture
def runner(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A runner in a process of its own, working."""
    process = subprocess.Popen([*KONGFLOW, "run", "--log-format", "json"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        read_until(process.stderr, "runner.started")
        yield process
    finally:
        process.kill()
        process.communicate()


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
    assert read_until(runner.stderr, "runner.stopping")["within"] == 2.0
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

    # shutdown_timeout is 4 s; another process's lock is otherwise waited for 30 s.
    assert runner.wait(25) == 0
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
    succeeded = invoke("enqueue", "greet", "--arg", "name=Ada", "--wait", "--timeout", "60s")
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

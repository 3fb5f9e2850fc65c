"""`kongflow run` with handlers in child processes: what signals and the death of the runner mean for them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runners import DEADLINE, KONGFLOW, Enqueue, Show, read_until, wait_for
from tests.engine.children import lives

CONFIG = """\
version: 1
database: {url: "sqlite:///jobs.db"}
runner: {poll_interval: 50ms, heartbeat: 100ms, shutdown_timeout: 10s}
defaults: {task: {isolation: process, max_attempts: 1}}
tasks:
  wait: {handler: child_tasks.wait}
  hang: {handler: child_tasks.hang}
"""
HANDLERS = """\
import os, re, subprocess, time
from pathlib import Path


def wait(payload):
    note(os.getpid())
    while not Path("go").exists():
        time.sleep(0.01)
    return "waited"


def hang(payload):
    program = subprocess.Popen(["/bin/sleep", "3600"])
    note(os.getpid(), os.getppid(), program.pid)
    re.match("(a|aa)+$", "a" * 200 + "b")


def note(*pids):
    Path("pids.new").write_text(" ".join(map(str, pids)))
    Path("pids.new").rename("pids")
"""


@pytest.fixture
def runner(project: Path) -> Iterator[subprocess.Popen[str]]:
    """A runner at the head of a process group of its own, as a shell starts it."""
    (project / "kongflow.yaml").write_text(CONFIG)
    (project / "child_tasks.py").write_text(HANDLERS)
    process = subprocess.Popen(
        [*KONGFLOW, "run", "--log-format", "json"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    try:
        read_until(process.stderr, "runner.started")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def pids(project: Path) -> list[int]:
    wait_for((project / "pids").exists)
    return [int(pid) for pid in (project / "pids").read_text().split()]


def test_a_killed_runner_leaves_nothing_that_goes_on_working(
    runner: subprocess.Popen[str], enqueue: Enqueue, project: Path
) -> None:
    enqueue("hang")
    child, server, program = pids(project)
    assert lives(child)

    runner.kill()

    wait_for(lambda: not any(map(lives, (child, server, program))))


def test_a_killed_fork_server_takes_its_children_along(
    runner: subprocess.Popen[str], enqueue: Enqueue, project: Path
) -> None:
    enqueue("hang")
    child, server, program = pids(project)

    os.kill(server, signal.SIGKILL)

    wait_for(lambda: not lives(child) and not lives(program))


def test_ctrl_c_leaves_it_to_the_runner_when_a_child_ends(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show, project: Path
) -> None:
    job = enqueue("wait")
    (child,) = pids(project)
    assert runner.stderr is not None

    os.killpg(runner.pid, signal.SIGINT)
    read_until(runner.stderr, "runner.stopping")
    assert lives(child)
    (project / "go").touch()

    assert runner.wait(DEADLINE) == 0
    assert (show(job)["state"], show(job)["attempt"]) == ("succeeded", 1)


def test_a_service_manager_that_signals_every_process_gets_a_drain(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show, project: Path
) -> None:
    job = enqueue("wait")
    (child,) = pids(project)
    server = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    assert runner.stderr is not None

    for pid in (child, server, runner.pid):
        os.kill(pid, signal.SIGTERM)
    read_until(runner.stderr, "runner.stopping")
    (project / "go").touch()

    assert runner.wait(DEADLINE) == 0
    assert (show(job)["state"], show(job)["crashes"]) == ("succeeded", 0)


def test_the_end_of_shutdown_timeout_gives_the_job_back(
    runner: subprocess.Popen[str], enqueue: Enqueue, show: Show, project: Path
) -> None:
    job = enqueue("hang")
    child, _, program = pids(project)

    runner.send_signal(signal.SIGTERM)
    runner.send_signal(signal.SIGINT)

    assert runner.wait(DEADLINE) == 0
    assert (show(job)["state"], show(job)["attempt"], show(job)["crashes"]) == ("ready", 0, 0)
    wait_for(lambda: not lives(child) and not lives(program))


def test_a_limit_without_room_is_a_message_and_no_traceback(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("wait}", "wait, memory_limit: 1MiB}"))
    (project / "child_tasks.py").write_text(HANDLERS)

    ran = subprocess.run([*KONGFLOW, "run", "--once"], capture_output=True, text=True, timeout=DEADLINE)

    assert ran.returncode == 1
    assert "task 'wait' has `memory_limit: 1MiB`" in ran.stderr
    assert "Traceback" not in ran.stderr

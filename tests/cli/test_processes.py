"""`kongflow run --processes`: several runners under a supervisor that replaces what dies and passes on signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.cli.runners import DEADLINE, KONGFLOW, Enqueue, Show, read_until, wait_for
from tests.engine.children import lives

CONFIG = """\
version: 1
database: {url: "sqlite:///jobs.db"}
runner: {concurrency: 1, poll_interval: 50ms, heartbeat: 100ms, shutdown_timeout: 20s}
tasks:
  wait: {handler: handlers_of_several.wait, max_attempts: 1}
  linger: {handler: handlers_of_several.linger, max_attempts: 1}
  fail: {handler: handlers_of_several.fail, max_attempts: 1}
  die: {handler: handlers_of_several.die}
"""
HANDLERS = """\
import asyncio, os
from pathlib import Path


async def wait(payload, job):
    Path(f"started-{job.id}").touch()
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    return os.getpid()


async def linger(payload, job):
    Path(f"started-{job.id}").touch()
    await asyncio.sleep(3600)


async def fail(payload):
    raise ValueError("no")


async def die(payload):  # once
    try:
        Path("died").touch(exist_ok=False)
    except FileExistsError:
        return
    os._exit(7)
"""

Supervisor = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def several(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG)
    (project / "handlers_of_several.py").write_text(HANDLERS)


@pytest.fixture
def start() -> Iterator[Callable[..., Supervisor]]:
    """Start a supervisor at the head of a process group of its own, as a shell does; none outlives the test."""
    started: list[Supervisor] = []

    def call(*args: str) -> Supervisor:
        line = [*KONGFLOW, "run", "--log-format", "json", *args]
        process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE)  # until the last of its processes has gone


def pid_of(line: dict[str, Any]) -> int:
    return int(line["worker"].rpartition(":")[2])


def two_runners(supervisor: Supervisor) -> list[int]:
    """Return the process ids of two runners when both have started."""
    assert supervisor.stderr is not None
    return [pid_of(read_until(supervisor.stderr, "runner.started")) for _ in range(2)]


def two_jobs_run(task: str, enqueue: Enqueue, project: Path) -> list[str]:
    """Add two jobs and return them when both have started: one in each process, which runs one at a time."""
    jobs = [enqueue(task), enqueue(task)]
    wait_for(lambda: all((project / f"started-{job}").exists() for job in jobs))
    return jobs


def test_each_process_is_a_runner_and_its_log_lines_say_which(
    start: Callable[..., Supervisor], invoke: Invoke, enqueue: Enqueue, show: Show, project: Path
) -> None:
    supervisor = start("--processes", "2")
    pids = two_runners(supervisor)
    jobs = two_jobs_run("wait", enqueue, project)

    listed = json.loads(invoke("workers", "list", "--json").stdout)["items"]
    (project / "go").touch()
    wait_for(lambda: all(show(job)["state"] == "succeeded" for job in jobs))
    supervisor.terminate()

    assert supervisor.wait(DEADLINE) == 0
    assert supervisor.pid not in pids
    assert sorted(item["pid"] for item in listed if item["alive"]) == sorted(pids)
    assert sorted(show(job)["result"] for job in jobs) == sorted(pids)
    assert not any(map(lives, pids))


def test_a_process_that_dies_is_replaced_and_the_other_works_on(start: Callable[..., Supervisor]) -> None:
    supervisor = start("--processes", "2")
    first, second = two_runners(supervisor)
    assert supervisor.stderr is not None

    os.kill(first, signal.SIGKILL)

    died = read_until(supervisor.stderr, "process.died")
    assert (died["process"], pid_of(died), died["restart_in"] <= 1.0) == (first, supervisor.pid, True)
    assert "SIGKILL" in died["how"]
    assert pid_of(read_until(supervisor.stderr, "runner.started")) not in (first, second)
    assert lives(second)


def test_a_signal_to_all_of_them_is_one_drain(
    start: Callable[..., Supervisor], enqueue: Enqueue, show: Show, project: Path
) -> None:
    supervisor = start("--processes", "2")
    pids = two_runners(supervisor)
    jobs = two_jobs_run("wait", enqueue, project)
    assert supervisor.stderr is not None

    # A terminal signals the group of the supervisor, a service manager every process.
    os.killpg(supervisor.pid, signal.SIGINT)
    for pid in pids:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    stopping = {pid_of(read_until(supervisor.stderr, "runner.stopping")) for _ in pids}
    assert [show(job)["state"] for job in jobs] == ["running", "running"]
    (project / "go").touch()

    assert supervisor.wait(DEADLINE) == 0
    assert stopping == set(pids)
    assert [(show(job)["state"], show(job)["attempt"]) for job in jobs] == [("succeeded", 1)] * 2


def test_the_second_signal_gives_running_jobs_back_in_every_process(
    start: Callable[..., Supervisor], enqueue: Enqueue, show: Show, project: Path
) -> None:
    supervisor = start("--processes", "2")
    two_runners(supervisor)
    jobs = two_jobs_run("linger", enqueue, project)
    assert supervisor.stderr is not None

    supervisor.send_signal(signal.SIGINT)
    assert "a second signal gives running jobs back" in read_until(supervisor.stderr, "runner.signal")["meaning"]
    supervisor.send_signal(signal.SIGINT)

    assert supervisor.wait(DEADLINE) == 0
    assert [(show(job)["state"], show(job)["attempt"], show(job)["crashes"]) for job in jobs] == [("ready", 0, 0)] * 2


def test_the_third_signal_ends_all_at_once_with_130(
    start: Callable[..., Supervisor], enqueue: Enqueue, project: Path
) -> None:
    supervisor = start("--processes", "2")
    pids = two_runners(supervisor)
    two_jobs_run("linger", enqueue, project)
    assert supervisor.stderr is not None

    supervisor.terminate()
    read_until(supervisor.stderr, "runner.stopping")
    supervisor.send_signal(signal.SIGINT)
    supervisor.terminate()

    assert supervisor.wait(DEADLINE) == 130
    wait_for(lambda: not any(map(lives, pids)))


def test_without_their_supervisor_the_processes_drain(
    start: Callable[..., Supervisor], enqueue: Enqueue, show: Show, project: Path
) -> None:
    supervisor = start("--processes", "2")
    pids = two_runners(supervisor)
    jobs = two_jobs_run("wait", enqueue, project)
    assert supervisor.stderr is not None

    supervisor.kill()

    assert read_until(supervisor.stderr, "runner.stopping")["why"] == "the supervisor is gone"
    assert all(map(lives, pids))
    (project / "go").touch()
    wait_for(lambda: not any(map(lives, pids)))
    assert [show(job)["state"] for job in jobs] == ["succeeded", "succeeded"]


def test_a_runner_that_is_told_to_end_alone_drains_and_is_replaced(
    start: Callable[..., Supervisor], enqueue: Enqueue, show: Show, project: Path
) -> None:
    supervisor = start("--processes", "1")
    assert supervisor.stderr is not None
    runner = pid_of(read_until(supervisor.stderr, "runner.started"))
    job = enqueue("wait")
    wait_for((project / f"started-{job}").exists)

    os.kill(runner, signal.SIGTERM)
    read_until(supervisor.stderr, "runner.stopping")
    (project / "go").touch()

    assert read_until(supervisor.stderr, "process.died")["how"] == "ended with exit code 0"
    assert pid_of(read_until(supervisor.stderr, "runner.started")) != runner
    assert show(job)["state"] == "succeeded"


# --- until nothing is left -------------------------------------------------------------------------------------------


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*KONGFLOW, "run", *args], capture_output=True, text=True, timeout=2 * DEADLINE, check=False)


def test_once_all_of_them_end_when_nothing_is_left(enqueue: Enqueue, show: Show, project: Path) -> None:
    (project / "go").touch()
    jobs = [enqueue("wait") for _ in range(5)]

    ran = run("--once", "--processes", "2")

    assert ran.returncode == 0
    assert [show(job)["state"] for job in jobs] == ["succeeded"] * 5
    assert ran.stderr.count("done: ") == 2
    pids = set(re.findall(r"^\S+Z \[(\d+)\] ", ran.stderr, re.MULTILINE))
    assert len(pids) == 3, "two runners and their supervisor"
    assert all(re.match(r"\S+Z \[\d+\] ", line) for line in ran.stderr.splitlines())


def test_once_a_failed_job_of_any_process_is_exit_1(enqueue: Enqueue) -> None:
    enqueue("fail")

    assert run("--once", "--processes", "2").returncode == 1


def test_once_a_process_that_died_is_replaced_and_is_exit_1(enqueue: Enqueue, project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("heartbeat: 100ms", "heartbeat: 100ms, lease: 2s"))
    enqueue("die")  # a slow machine finds the next attempt due before the second process has ended

    ran = run("--once", "--processes", "1")

    assert ran.returncode == 1
    assert 'how="ended with exit code 7"' in ran.stderr
    assert ran.stderr.count("runner.started") == 2


# --- at the start ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "arguments", "exit_code"),
    [
        (("max_attempts: 1", "max_atempts: 1"), [], 1),
        (("handlers_of_several.die", "handlers_of_several.dye"), [], 1),
        (("jobs.db", "no-such-folder/jobs.db"), [], 3),
        (("", ""), ["--queues", "greetings"], 5),
    ],
    ids=["key", "handler", "database", "queue"],
)
def test_a_mistake_is_told_once_and_as_one_runner_tells_it(
    change: tuple[str, str], arguments: list[str], exit_code: int, project: Path, invoke: Invoke
) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace(*change))

    alone = invoke("run", *arguments, exit_code=exit_code)
    several = run("--processes", "4", *arguments)

    assert several.returncode == exit_code
    assert several.stderr == alone.stderr
    assert several.stderr


def test_a_process_that_is_killed_before_it_ever_worked_is_tried_three_times(project: Path) -> None:
    (project / "handlers_of_several.py").write_text("import os\nos.kill(os.getpid(), 9)\n" + HANDLERS)

    ran = run("--processes", "3")

    assert ran.returncode == 1
    assert ran.stderr.count("process.died") == 2
    assert "error: no runner process has come up: the last of 3 was ended by SIGKILL" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_module_of_the_users_called_kongflow_is_not_taken_for_ours(project: Path, tmp_path: Path) -> None:
    (project / "kongflow.py").write_text("raise SystemExit('this is not the package')\n")
    script = Path(KONGFLOW[0]).parent / "kongflow"

    ran = subprocess.run([script, "run", "--once", "--processes", "1"], capture_output=True, text=True, check=False)

    assert (ran.returncode, "this is not the package" in ran.stderr) == (0, False)

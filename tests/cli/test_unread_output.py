"""What a command does when nobody reads its output any more: it ends as if it were read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.project_folder import CONFIG, HANDLERS

KONGFLOW = [sys.executable, "-m", "kongflow"]


def unread(*args: str, stderr_too: bool = False, **env: str) -> tuple[int, bytes]:
    """Run a command whose stdout has lost its reader; return its exit code and what it says on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        stderr = writer if stderr_too else subprocess.PIPE
        done = subprocess.run([*KONGFLOW, *args], stdout=writer, stderr=stderr, check=False, env={**os.environ, **env})
    finally:
        os.close(writer)
    return done.returncode, done.stderr or b""


@pytest.mark.parametrize("args", [["--help"], ["explain"], ["validate"]])
def test_a_broken_pipe_is_no_failure(args: list[str]) -> None:
    assert unread(*args) == (0, b"")


def test_a_broken_pipe_keeps_the_exit_code_of_a_failed_validation(project: Path) -> None:
    (project / "kongflow.yaml").write_text(CONFIG.replace("retry: quick", "retry: quik"))

    assert unread("validate") == (1, b"")
    assert unread("validate", "--json", stderr_too=True) == (1, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_broken_pipe_keeps_the_outcome_of_an_awaited_job(
    unbuffered: str, invoke: Invoke, enqueue: Callable[..., str]
) -> None:
    job = enqueue("fail")
    invoke("run", "--once", exit_code=1)

    code, told = unread("jobs", "wait", job, "--json", PYTHONUNBUFFERED=unbuffered)
    assert (code, b"failed" in told) == (10, True)
    assert unread("jobs", "wait", job, stderr_too=True, PYTHONUNBUFFERED=unbuffered) == (10, b"")


def test_a_broken_pipe_keeps_the_other_exit_codes(invoke: Invoke) -> None:
    assert unread("db", "status")[0] == 4
    invoke("db", "upgrade")
    assert unread("jobs", "show", "17", stderr_too=True)[0] == 5
    assert unread("jobs", "lst", stderr_too=True)[0] == 2
    assert unread("config", "-c", "nowhere.yaml", stderr_too=True)[0] == 3


def test_a_handler_that_prints_does_not_fail_for_a_broken_pipe(
    invoke: Invoke, enqueue: Callable[..., str], project: Path
) -> None:
    (project / "job_handlers.py").write_text(HANDLERS.replace("    return payload\n", "    print('x' * 100_000)\n"))
    enqueue("anything")

    code, told = unread("run", "--once")

    assert (code, b"1 succeeded" in told) == (0, True)

"""What a shell does to a command: Ctrl-C, readers that go away, outputs that take nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.runners import DEADLINE, KONGFLOW, Enqueue


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


def test_ctrl_c_at_a_question_means_no(enqueue: Enqueue, invoke: Invoke) -> None:
    enqueue("anything")
    ours, terminal = os.openpty()
    asking = subprocess.Popen(
        [*KONGFLOW, "jobs", "delete", "--filter", "state:ready"], stdin=terminal, stderr=subprocess.PIPE, text=True
    )
    assert asking.stderr is not None
    asked = ""
    while "[y/N]" not in asked:
        asked += asking.stderr.read(1)

    asking.send_signal(signal.SIGINT)

    assert asking.wait(DEADLINE) == 130
    assert "interrupted" in asking.stderr.read()
    assert len(json.loads(invoke("jobs", "list", "--json").stdout)["items"]) == 1
    asking.stderr.close()
    for end in (ours, terminal):
        os.close(end)

"""A real project in a folder, worked on by real processes: what the acceptance tests drive."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from kongflow.cli.main import command

KONGFLOW = [sys.executable, "-m", "kongflow"]

HANDLERS = '''
"""Handlers that write what they do to a ledger: one appended line an event, never mixed with another's."""
import json
import os
import time


def note(**event):
    line = json.dumps({"pid": os.getpid(), "at": time.monotonic(), **event}) + "\\n"
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, line.encode())
    os.close(ledger)


def work(payload, job):
    note(event="start", n=payload.get("n"), id=payload.get("id"), job=job.id, attempt=job.attempt, claims=job.claims)
    time.sleep(payload.get("seconds", 0.01))
    note(event="end", n=payload.get("n"), id=payload.get("id"), job=job.id, attempt=job.attempt, claims=job.claims)
    return {"n": payload.get("n")}


def wait(payload, job):
    """End when the file `go` is there."""
    note(event="start", job=job.id, attempt=job.attempt, claims=job.claims)
    while not os.path.exists("go"):
        time.sleep(0.01)
    note(event="end", job=job.id, attempt=job.attempt, claims=job.claims)


def fail(payload, job):
    note(event="start", n=payload.get("n"), job=job.id, attempt=job.attempt)
    raise ConnectionError("the other side is away")
'''


@dataclass
class Project:
    """A folder with kongflow.yaml and handlers, the processes that work on it, and the ledger of what they did."""

    folder: Path
    yaml: str
    url: str
    handlers: str = HANDLERS
    pooler: str = "none"
    runners: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.declare(self.yaml)

    def declare(self, yaml: str) -> None:
        """Write the configuration, and the handlers beside it."""
        database = f"{{url: '${{KONGFLOW_DATABASE_URL}}', pooler: {self.pooler}}}"
        (self.folder / "kongflow.yaml").write_text(f"{yaml}database: {database}\n")
        (self.folder / "handlers.py").write_text(self.handlers)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    def environment(self) -> dict[str, str]:
        ours = {"LEDGER": str(self.ledger), "KONGFLOW_DATABASE_URL": self.url, "PYTHONDONTWRITEBYTECODE": "1"}
        return {**os.environ, **ours}

    def kongflow(self, *args: str, stdin: str | None = None, exit_code: int = 0) -> str:
        """Call the command line in this folder, and return what it prints."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(command, args, input=stdin, env=self.environment(), prog_name="kongflow")
        assert done.exit_code == exit_code, (args, done.exit_code, done.stdout, done.stderr, done.exc_info)
        return done.stdout

    def enqueue(self, jobs: Iterable[dict[str, Any]]) -> None:
        self.kongflow("enqueue", "--batch", "-", stdin="".join(json.dumps(job) + "\n" for job in jobs))

    def start(self, *args: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a runner; `environment` comes on top of ours."""
        with (self.folder / f"runner-{len(self.runners)}.log").open("w") as log:
            runner = subprocess.Popen(
                [*KONGFLOW, "run", "--log-format", "json", *args],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                env={**self.environment(), **(environment or {})},
            )
        self.runners.append(runner)
        return runner

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        if not self.ledger.exists():
            return []
        # A reader may see an append that crosses a page before all of it is there: only whole lines count.
        whole, _, _ = self.ledger.read_text().rpartition("\n")
        entries = [json.loads(line) for line in whole.splitlines()]
        return [entry for entry in entries if event in (None, entry["event"])]

    def jobs(self, *filters: str) -> list[dict[str, Any]]:
        listed = self.kongflow("jobs", "list", "--json", "--limit", "1000", *filters)
        items: list[dict[str, Any]] = json.loads(listed)["items"]
        return items

    def succeeded(self) -> list[dict[str, Any]]:
        """Return all jobs when they have succeeded."""
        jobs: list[dict[str, Any]] = []

        def all_succeeded() -> bool:
            jobs[:] = self.jobs()
            return {job["state"] for job in jobs} == {"succeeded"}

        self.wait_for("success", all_succeeded)
        return jobs

    def wait_for(self, what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for: {what}\n{self.logs()}"
            time.sleep(0.05)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("runner-*.log")))

    def stop(self) -> None:
        for runner in self.runners:
            if runner.poll() is None:
                runner.send_signal(signal.SIGCONT)
                runner.kill()
            runner.wait()


def most_at_once(events: Sequence[dict[str, Any]]) -> int:
    """Return how many attempts overlapped at the most; one that was killed before its end ran until the job's next."""
    ended = {(event["job"], event["claims"]) for event in events if event["event"] == "end"}
    running: set[tuple[str, int]] = set()
    most = 0
    for event in sorted(events, key=lambda entry: entry["at"]):
        attempt = (event["job"], event["claims"])
        if event["event"] == "start":
            running = {other for other in running if other[0] != event["job"] or other in ended} | {attempt}
        else:
            running.discard(attempt)
        most = max(most, len(running))
    return most

"""The platform as its users run it: the API, runners, and a shop on the real SDK, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from catalog import PROJECT
from catalog.app.models import JobRun
from tests.catalog.stage import every
from tests.storms.cluster import free_port

API_KEY = "tr_dev_shop0123456789"
PATIENCE = 120.0
"""Seconds to wait for what must come, on a slow machine too."""


class Platform:
    """Processes that work on the database of the environment, their logs in a folder."""

    def __init__(self, folder: Path, shop_folder: Path) -> None:
        self.folder, self.shop_folder = folder, shop_folder
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self.api_url = f"http://127.0.0.1:{free_port()}"
        self.shop_url = ""
        self.processes: list[subprocess.Popen[bytes]] = []

    # --- processes ---

    def start(
        self, name: str, command: Sequence[str], cwd: Path = PROJECT, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Start a process that is killed at the end of the test."""
        with (self.folder / f"{name}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=cwd, env=os.environ | variables, stdout=log, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        return process

    def start_api(self) -> None:
        """Start the API, and return when it answers."""
        port = self.api_url.rpartition(":")[2]
        self.start("api", [sys.executable, "-m", "catalog.api", "--port", port])
        self.wait_for("the API", lambda: self._answers(f"{self.api_url}/api/v1/whoami"))

    def start_runner(self) -> subprocess.Popen[bytes]:
        """Start a runner."""
        return self.start("runner", [sys.executable, "-m", "kongflow", "run"])

    def start_shop(self) -> None:
        """Start the shop, and return when it listens."""
        port = free_port()
        self.shop_url = f"http://127.0.0.1:{port}"
        self.start(
            "shop",
            ["node", "shop.mjs", str(port)],
            self.shop_folder,
            TRIGGER_API_KEY=API_KEY,
            TRIGGER_API_URL=self.api_url,
            LEDGER=str(self.ledger),
        )
        self.wait_for("the shop", lambda: "ready" in self.logs())

    def stop(self) -> None:
        """Kill everything that still runs."""
        for process in self.processes:
            process.kill()
            process.wait()

    def logs(self) -> str:
        """Return what the processes have said, its end."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-4000:]}" for log in sorted(self.folder.glob("*.log")))

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """End a process without a word."""
        process.send_signal(signal.SIGKILL)
        process.wait()

    # --- the ways in ---

    def command(self, *arguments: str) -> str:
        """Run a command of the project, which must succeed, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API as the shop's owner, and return the JSON of the answer, which must be a success."""
        headers = {"authorization": f"Bearer {API_KEY}"}
        answer = httpx.request(method, f"{self.api_url}{path}", json=body, headers=headers, timeout=PATIENCE)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json()

    def send(self, name: str, payload: Any, **event: Any) -> Any:
        """Send an event."""
        return self.call("POST", "/api/v1/events", {"event": {"name": name, "payload": payload, **event}})

    # --- what comes of it ---

    def noted(self) -> list[list[str]]:
        """Return what the shop has written into its ledger: words, each with the id of its run."""
        return [line.split() for line in self.ledger.read_text().splitlines()]

    def runs(self, slug: str | None = None) -> list[JobRun]:
        """Return the runs, of one job or of all, oldest first."""
        return asyncio.run(_runs(slug))

    def finished(self, slug: str, count: int = 1) -> list[JobRun]:
        """Return the runs of a job when there are so many and all have ended."""

        def there() -> bool:
            runs = self.runs(slug)
            return len(runs) == count and all(run.status.is_final for run in runs)

        self.wait_for(f"{count} finished runs of {slug}", there)
        return self.runs(slug)

    def wait_for(
        self, what: str, condition: Callable[[], bool], patience: float = PATIENCE, every: float = 0.05
    ) -> None:
        """Return when a condition holds, which is looked at every so many seconds."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come\n{self.logs()}"
            time.sleep(every)

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            return False
        return True


async def _runs(slug: str | None) -> list[JobRun]:
    from catalog.app.models import RegisteredJob

    jobs = {job.id: job.slug for job in await every(RegisteredJob)}
    runs = [run for run in await every(JobRun) if slug in (None, jobs[run.job_id])]
    return sorted(runs, key=lambda run: (run.created_at, run.number))

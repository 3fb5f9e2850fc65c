"""Runners in processes of their own, and the database and ledger that they share."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kongflow.core.catalog import RunnerSettings
from kongflow.core.job import Job, NewJob
from kongflow.store.base import Store
from kongflow.store.open import open_store
from tests.builders import QUICK, make_catalog
from tests.engine.database import url_of
from tests.engine.waiting import PATIENCE, until

PROJECT = Path(__file__).parents[2]


def settings_of(folder: Path) -> RunnerSettings:
    """Return the settings that a test gave its runners."""
    given = json.loads((folder / "child.json").read_text())
    return RunnerSettings(**{**given, "queues": tuple(given["queues"]), "forbidden_flags": ()})


class Child:
    """One runner process."""

    def __init__(self, folder: Path, number: int) -> None:
        self._log = folder / f"log-{number}"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.engine.child", str(folder)], cwd=PROJECT, stderr=log
            )

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of an event."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.endswith("}")]
        return [line for line in lines if line.get("event") == name]

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Return the exit code."""
        await until(lambda: self.process.poll() is not None, seconds)
        return self.process.returncode

    async def until_told(self, name: str) -> dict[str, Any]:
        await until(lambda: bool(self.events(name)))
        return self.events(name)[0]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


class Processes:
    """A folder with a database, and the runners that work on it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = replace(QUICK, **settings)
        (folder / "child.json").write_text(json.dumps(asdict(self.settings)))
        self.children: list[Child] = []
        self.store: Store

    async def __aenter__(self) -> Processes:
        catalog = make_catalog(url=url_of(self.folder))
        self.store = open_store(catalog.database, self.settings.poll_interval)
        await self.store.open()
        await self.store.migrate()
        return self

    async def __aexit__(self, *error: object) -> None:
        for child in self.children:
            await asyncio.to_thread(child.end)
        await self.store.close()

    async def start(self) -> Child:
        """Start a runner and return when it has begun."""
        child = Child(self.folder, len(self.children))
        self.children.append(child)
        await child.until_told("runner.started")
        return child

    async def add(self, task: str) -> str:
        (job,) = await self.store.insert([NewJob(task, "{}")])
        return job.id

    async def add_and_start(self, task: str) -> tuple[str, Child]:
        """Add a job, start a runner, and return when the job has started."""
        added = await self.add(task)
        child = await self.start()
        await until(lambda: self.noted(f"start {added}"))
        return added, child

    def go(self) -> None:
        """Let waiting handlers end."""
        (self.folder / "go").touch()

    def noted(self, what: str) -> bool:
        ledger = self.folder / "ledger"
        return ledger.exists() and what in ledger.read_text().splitlines()

    async def job(self, id: str) -> Job:
        job = await self.store.get(id)
        assert job is not None
        return job

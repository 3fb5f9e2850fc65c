"""An arena: a project whose database notes every end of a job, and what storms do to the runners that work on it."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import text

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import Job
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from tests.acceptance.project import Project
from tests.storms.oracle import Attempt, Ending, attempts_of, judge

HANDLERS = (Path(__file__).parent / "handlers.py").read_text()
LIMITS = {"runs": 1, "pairs": 2}
"""Concurrency of the queues of a storm, by the part of their names before the colon."""
QUEUES = 'queues: {"runs:*": {concurrency: 1}, "pairs:*": {concurrency: 2}}\n'

WITNESS = {
    "sqlite": (
        "create table witness (job integer)",
        "create trigger witness_ends after insert on kongflow_history begin insert into witness values (new.id); end",
    ),
    "postgresql": (
        "create table witness (job bigint)",
        "create function witness_end() returns trigger language plpgsql as "
        "$$ begin insert into public.witness values (new.id); return null; end $$",
        "create trigger witness_ends after insert on kongflow.history for each row execute function witness_end()",
    ),
}
"""A second witness inside the database: each end of a job leaves a row that nothing takes back."""


class Arena(Project):
    """A project under attack."""

    def __init__(self, folder: Path, yaml: str, url: str, pooler: str = "none") -> None:
        super().__init__(folder, yaml, url, HANDLERS, pooler)
        self.on_database(_post_the_witness)

    def on_database(self, work: Any) -> Any:
        """Run `work(store)`, a coroutine function, on the database of the project."""

        async def run() -> Any:
            store = open_store(DatabaseSettings(self.url, pooler=self.pooler), 1.0)
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    # --- what is done to runners ---

    def note(self, **entry: Any) -> None:
        """Write a line into the ledger."""
        with self.ledger.open("a") as ledger:
            ledger.write(json.dumps({"at": time.monotonic(), **entry}) + "\n")

    @property
    def alive(self) -> list[subprocess.Popen[str]]:
        return [runner for runner in self.runners if runner.poll() is None]

    def kill(self, runner: subprocess.Popen[str]) -> None:
        runner.kill()
        runner.wait()
        self.note(event="kill", pid=runner.pid)  # before, it might still start a job after its own end

    def kill_at_random(self, seconds: float, every: tuple[float, float], seed: int) -> int:
        """Kill a runner now and then, at last one that works if any does; start another for each, and return how many
        died.
        """
        choose, until, kills, is_over = random.Random(seed), time.monotonic() + seconds, 0, False
        while not is_over:
            time.sleep(choose.uniform(*every))
            is_over = time.monotonic() >= until
            working = {attempt.pid for attempt in self.attempts() if not attempt.ended} if is_over else set()
            self.kill(choose.choice([runner for runner in self.alive if runner.pid in working] or self.alive))
            self.start()
            kills += 1
        return kills

    # --- what came of it ---

    def wait_until_done(self, count: int, seconds: float) -> None:
        """Return when so many jobs have ended."""
        ended = "select count(*) from witness"
        self.wait_for(f"the end of {count} jobs", lambda: self.on_database(_counting(ended)) >= count, seconds)

    def attempts(self, frozen_for: float = 0.0) -> list[Attempt]:
        return attempts_of(self.events(), frozen_for)

    def endings(self) -> list[Ending]:
        """Return what the database says of every job."""
        return self.on_database(_endings)  # type: ignore[no-any-return]

    def start_all(self, count: int) -> None:
        """Start so many runners and return when all of them are there: one that cannot reach the database when it
        starts ends, as it should.
        """
        for _ in range(count):
            self.start()
        self.wait_for("all runners", lambda: len(self.told("runner.started")) == count)
        self.wait_for("a start", lambda: bool(self.events("start")))

    def told(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of an event, of all runners."""
        # A line may be on its way: only whole ones count.
        whole = (log.read_text().rpartition("\n")[0] for log in self.folder.glob("runner-*.log"))
        lines = [line for text in whole for line in text.splitlines()]
        entries = [json.loads(line) for line in lines if f'"{event}"' in line]
        return [entry for entry in entries if entry["event"] == event]

    def judge(
        self, added: Iterable[int], *, maybe: Iterable[int] = (), max_attempts: int = 1, frozen_for: float = 0.0
    ) -> None:
        """Fail with every broken promise. `maybe`: the jobs of which nobody knows whether they were added."""
        broken = judge(
            self.attempts(frozen_for),
            self.endings(),
            added=added,
            maybe=maybe,
            limits=LIMITS,
            max_attempts=max_attempts,
        )
        assert not broken, "\n".join([f"{len(broken)} broken promises:", *broken[:20], self.logs()])


async def _post_the_witness(store: Store) -> None:
    await store.migrate()
    async with store.transaction() as connection:
        for statement in WITNESS[connection.dialect.name]:
            await connection.exec_driver_sql(statement)


def _counting(statement: str) -> Any:
    async def count(store: Store) -> Any:
        async with store.transaction() as connection:
            return (await connection.execute(text(statement))).scalar()

    return count


async def _endings(store: Store) -> list[Ending]:
    async with store.transaction() as connection:
        rows = await connection.execute(text("select job, count(*) from witness group by job"))
        times = {str(job): count for job, count in rows}
    return [
        Ending(job.id, job.payload["n"], str(job.state), job.attempt, job.claims, job.result, times.get(job.id, 0))
        for job in await all_jobs(store)
    ]


async def all_jobs(store: Store) -> list[Job]:
    """Return every job, live and finished, newest first."""
    jobs: list[Job] = []
    cursor = None
    while True:
        page = await store.list_jobs(JobFilter(), 1000, cursor)
        jobs += page.items
        cursor = page.next_cursor
        if cursor is None:
            return jobs

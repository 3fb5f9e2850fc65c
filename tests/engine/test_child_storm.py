"""A storm: children, and the server that they are forked from, are killed at random while jobs run."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from kongflow.core.job import JobState
from tests.builders import QUICK
from tests.engine import child_handlers
from tests.engine.children import in_child, lives
from tests.engine.site import open_site

pytestmark = [pytest.mark.only_on("sqlite"), pytest.mark.anyio, pytest.mark.slow]

JOBS = 2_000
A_SERVER_IN = 30
"""One kill in so many is that of the fork server."""


class Killer(threading.Thread):
    """Kills a child, or the server, every few milliseconds; remembers whom it has seen."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[int] = set()
        self.kills = 0
        self._random = random.Random(4)
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(self._random.uniform(0.002, 0.02)):
            for server in children_of(os.getpid()):
                children = children_of(server)
                self.seen |= {server, *children}
                aims_higher = self._random.randrange(A_SERVER_IN) == 0
                if children:
                    self._kill(server if aims_higher else self._random.choice(children))

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
        except ProcessLookupError:
            pass


def children_of(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return children


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_every_job_succeeds_at_its_first_attempt_whoever_is_killed(tmp_path: Path) -> None:
    before = open_files()
    tasks = {"nap": in_child(child_handlers.naps, crash_limit=10_000)}
    async with open_site(tmp_path, tasks, runner=replace(QUICK, concurrency=8)) as site:
        jobs = [await site.enqueue("nap") for _ in range(JOBS)]
        killer = Killer()
        killer.start()
        try:
            summary = await site.runner.run(until_idle=True)
        finally:
            killer.stop()
        ends = Counter([((await site.job(job)).state, (await site.job(job)).attempt) for job in jobs])

    assert ends == {(JobState.SUCCEEDED, 1): JOBS}
    assert summary.failed == 0
    assert killer.kills > 20
    assert summary.retried > 0, "some were killed in the middle of a job"
    assert [pid for pid in killer.seen if lives(pid)] == []
    assert open_files() <= before + 5, "what the database and the loop keep"

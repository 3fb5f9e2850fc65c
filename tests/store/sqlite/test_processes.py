"""Several processes on one file."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import JobState
from kongflow.store.records import JobFilter
from tests.store.sqlite.worker import QUEUES
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


async def test_two_processes_never_break_a_limit_or_the_order(stage: Stage, tmp_path: Path) -> None:
    queues = ("serial", "double", "runs:1", "runs:2", "runs:3")
    await stage.store.insert([new(queue=queues[index % 5]) for index in range(300)])
    command = [sys.executable, "-m", "tests.store.sqlite.worker", stage.settings.url, str(tmp_path / "ledger")]
    workers = [subprocess.Popen(command) for _ in range(2)]
    await stage.store.insert([new(queue=queues[index % 5]) for index in range(50)])
    assert [await asyncio.to_thread(worker.wait, 240) for worker in workers] == [0, 0]
    running: Counter[str] = Counter()
    busy: set[str] = set()
    started: dict[str, list[int]] = {queue: [] for queue in queues}
    for line in (tmp_path / "ledger").read_text().splitlines():
        event, queue, id, runner = line.split()
        busy.add(runner)
        running[queue] += 1 if event == "start" else -1
        assert running[queue] <= QUEUES.get(queue, QUEUES["runs:*"])
        if event == "start":
            started[queue].append(int(id))
    assert len(busy) == 2
    assert sum(len(ids) for ids in started.values()) == 350
    for queue in ("serial", "runs:1", "runs:2", "runs:3"):
        assert started[queue] == sorted(started[queue])
    page = await stage.store.list_jobs(JobFilter(states=(JobState.SUCCEEDED,)), 1_000)
    assert len(page.items) == 350


def test_a_writer_that_is_killed_has_lost_nothing_that_it_acknowledged(database: DatabaseSettings) -> None:
    acknowledged: list[int] = []
    for _ in range(3):
        producer = subprocess.Popen(
            [sys.executable, "-m", "tests.store.sqlite.producer", database.url], stdout=subprocess.PIPE
        )
        assert producer.stdout is not None
        acknowledged += [int(producer.stdout.readline()) for _ in range(100)]
        producer.kill()
        acknowledged += [int(line) for line in producer.stdout.read().splitlines()]
        producer.wait()
        producer.stdout.close()
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///").partition("?")[0])
    stored = {id for (id,) in connection.execute("select id from kongflow_job")}
    assert set(acknowledged) <= stored
    assert len(acknowledged) == len(set(acknowledged))
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    connection.close()

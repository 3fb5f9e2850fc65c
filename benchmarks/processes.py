"""`kongflow run --processes 2` beside `--processes 1`, on both stores, in one run: the same backlog, drained from the
moment that its jobs are there and all runners wait for them.

"no-op" is what the engine and the database cost; "1 ms of Python" is what a second core is for. Every runner writes its
log, two lines a job, to a file. What counts is the ratio: 2 processes are never slower than 1.

The PostgreSQL is the one that the tests bring, with fsync on, or that KONGFLOW_TEST_DSN names.

Usage: PYTHONPATH=. python benchmarks/processes.py [rounds]
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from kongflow import KongFlow
from tests.postgres import Server, running_server

BACKLOG = {"no-op": 10_000, "count": 3_000}
MEANING = {"no-op": "no-op", "count": "1 ms of Python"}
PROCESSES = (1, 2)

CONFIG = """\
version: 1
database: {{url: "{url}"}}
runner: {{concurrency: 100}}
defaults: {{task: {{keep: none}}}}
tasks:
  no-op: {{handler: bench_handlers.noop}}
  count: {{handler: bench_handlers.count}}
"""
HANDLERS = """\
import time


async def noop(payload):
    return None


async def count(payload):
    until = time.thread_time() + 0.001
    while time.thread_time() < until:
        pass
"""


@contextmanager
def runners(folder: Path, processes: int) -> Iterator[None]:
    """Let so many runners wait for work."""
    log = folder / "log"
    with log.open("w") as stream:
        command = [sys.executable, "-m", "kongflow", "run", "--processes", str(processes), "--log-format", "json"]
        supervisor = subprocess.Popen(command, cwd=folder, stderr=stream)
    try:
        while log.read_text().count('"runner.started"') < processes:
            if supervisor.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()


async def drain(folder: Path, work: str, processes: int) -> float:
    """Return the jobs per second."""
    async with KongFlow.from_config(folder / "kongflow.yaml") as flow:
        with runners(folder, processes):
            await flow.enqueue_many([(work, {"i": i}) for i in range(BACKLOG[work])])
            began = time.perf_counter()
            while (await flow.jobs(limit=1)).items:  # noqa: ASYNC110 – other processes empty it
                await asyncio.sleep(0.02)
            return BACKLOG[work] / (time.perf_counter() - began)


def drained(url: str, work: str, processes: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kongflow.yaml").write_text(CONFIG.format(url=url))
        (folder / "bench_handlers.py").write_text(HANDLERS)
        return asyncio.run(drain(folder, work, processes))


def on_postgres(server: Server, work: str, processes: int) -> float:
    database = server.create()
    try:
        return drained(server.url(database), work, processes)
    finally:
        server.drop(database)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured: dict[tuple[str, str, int], list[float]] = {}
    with running_server() as server:
        if not os.environ.get("KONGFLOW_TEST_DSN"):
            server.execute(sql.SQL("alter system reset all"))
            server.execute(sql.SQL("select pg_reload_conf()"))
        for _ in range(rounds):
            for work in BACKLOG:
                for processes in PROCESSES:
                    figures = {
                        "SQLite": drained("sqlite:///jobs.db", work, processes),
                        "PostgreSQL": on_postgres(server, work, processes),
                    }
                    for store, rate in figures.items():
                        measured.setdefault((store, work, processes), []).append(rate)
    print("| jobs/s, medians | 1 process | 2 processes | ratio |\n|---|---:|---:|---:|")
    for store in ("SQLite", "PostgreSQL"):
        for work in BACKLOG:
            one, two = (statistics.median(measured[store, work, processes]) for processes in PROCESSES)
            print(f"| {store}, {MEANING[work]} | {one:,.0f} | {two:,.0f} | {two / one:.2f} |")


if __name__ == "__main__":
    main()

"""KongFlow on SQLite beside raw sqlite3 on the same disk, `synchronous=FULL` on both sides, in one run.

Absolute figures drift with the machine; the ratios are what counts. Payloads are validated when added and when run;
`keep: none` writes no history, as the raw side has none.

Usage: python benchmarks/sqlite.py [rounds]
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kongflow import KongFlow

ONE_BY_ONE, BULK, DRAINED, QUEUED = 300, 20_000, 20_000, 5_000

CONFIG = """\
version: 1
runner: {concurrency: 200}
queues: {"r:*": {concurrency: 1}}
tasks:
  noop:
    handler: bench_handlers.noop
    payload: {type: object, required: [i], properties: {i: {type: integer}}}
    keep: none
  queued: {handler: bench_handlers.noop, queue: "r:<< payload.i >>", keep: none}
"""


def raw(folder: Path) -> dict[str, float]:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.execute("create table job (id integer primary key, payload text, state integer not null default 0)")
    insert = "insert into job (payload) values (?)"
    payloads = [(json.dumps({"i": i}),) for i in range(BULK)]

    def one_by_one() -> None:
        for payload in payloads[:ONE_BY_ONE]:
            connection.execute(insert, payload)

    def bulk() -> None:
        connection.execute("begin immediate")
        connection.executemany(insert, payloads)
        connection.execute("commit")

    def drain() -> None:
        claim = (
            "update job set state = 1 where id in (select id from job where state = 0 limit 200) returning id, payload"
        )
        while rows := connection.execute(claim).fetchall():
            connection.execute("begin immediate")
            connection.executemany("delete from job where id = ?", [(row[0],) for row in rows])
            connection.execute("commit")

    figures = {
        "enqueue one by one": ONE_BY_ONE / seconds(one_by_one),
        "enqueue in bulk": BULK / seconds(bulk),
        "drain": (ONE_BY_ONE + BULK) / seconds(drain),
    }
    connection.close()
    return figures


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def ours(folder: Path) -> dict[str, float]:
    (folder / "kongflow.yaml").write_text(CONFIG)
    (folder / "bench_handlers.py").write_text("async def noop(payload):\n    return None\n")
    async with KongFlow.from_config(folder / "kongflow.yaml") as flow:
        started = time.perf_counter()
        for i in range(ONE_BY_ONE):
            await flow.enqueue("noop", {"i": i})
        one_by_one = ONE_BY_ONE / (time.perf_counter() - started)
        started = time.perf_counter()
        await flow.enqueue_many([("noop", {"i": i}) for i in range(BULK)])
        bulk = BULK / (time.perf_counter() - started)
        started = time.perf_counter()
        await flow.run(until_idle=True)
        drain = (ONE_BY_ONE + BULK) / (time.perf_counter() - started)
        await flow.enqueue_many([("queued", {"i": i % 1000}) for i in range(QUEUED)])
        started = time.perf_counter()
        await flow.run(until_idle=True)
        queued = QUEUED / (time.perf_counter() - started)
    return {
        "enqueue one by one": one_by_one,
        "enqueue in bulk": bulk,
        "drain": drain,
        "drain, 1,000 serial queues": queued,
    }


def main() -> None:
    logging.disable(logging.INFO)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured: dict[str, dict[str, list[float]]] = {"raw": {}, "ours": {}}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for side, figures in (("raw", raw(folder)), ("ours", asyncio.run(ours(folder)))):
                for work, rate in figures.items():
                    measured[side].setdefault(work, []).append(rate)
    print("| jobs/s, medians | KongFlow | raw sqlite3 | ratio |\n|---|---:|---:|---:|")
    for work, rates in measured["ours"].items():
        mine = statistics.median(rates)
        ruler = statistics.median(measured["raw"].get(work, measured["raw"]["drain"]))
        print(f"| {work} | {mine:,.0f} | {ruler:,.0f} | {mine / ruler:.2f} |")


if __name__ == "__main__":
    main()

"""`isolation: process`: the round trip of a no-op through a child process, beside one through a thread, in one run.

"round trip" is what the runner pays for a job in a child, from taking an idle child to having its outcome: one after
another, and 8 side by side. "drain" is whole jobs on SQLite: claimed, validated, run, settled. The figures drift with
the machine; beside them stands what the same jobs cost in threads.

Usage: python benchmarks/children.py [rounds]
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from kongflow import KongFlow
from kongflow.config.binding import bind
from kongflow.core.job import ClaimedJob
from kongflow.engine.attempt import Attempt
from kongflow.engine.calls import CallsOnLoop
from kongflow.engine.children.pool import Children
from kongflow.engine.context import Surroundings
from kongflow.engine.threads import Threads
from kongflow.store.open import open_store

ROUND_TRIPS, SIDE_BY_SIDE, DRAINED = 3_000, 8, 5_000

CONFIG = """\
version: 1
runner: {concurrency: 8}
defaults: {task: {keep: none}}
tasks:
  child:
    handler: bench_handlers.noop
    payload: {type: object, required: [i], properties: {i: {type: integer}}}
    isolation: process
  thread:
    handler: bench_handlers.noop
    payload: {type: object, required: [i], properties: {i: {type: integer}}}
"""


async def repeat(trip: Callable[[], Awaitable[float]], times: int) -> list[float]:
    return [await trip() for _ in range(times)]


async def round_trips(flow: KongFlow) -> dict[str, float]:
    catalog, handlers, loop = flow.catalog, bind(flow.catalog), asyncio.get_running_loop()
    store = open_store(catalog.database)
    calls = CallsOnLoop(flow.client, store, loop, flow.wake)
    children = Children(catalog, handlers, Surroundings(flow.client, store, {}, calls, flow.wake))
    threads = Threads(loop)
    job = a_claimed_job()
    attempt = Attempt(job, catalog.tasks["child"], handlers["child"], 0.0)

    async def in_child() -> float:
        began = time.perf_counter()
        child = await children.take(None)
        await child.run(attempt, job.payload)
        children.give_back(child)
        return time.perf_counter() - began

    async def in_thread() -> float:
        began = time.perf_counter()
        await threads.run(lambda: handlers["thread"].function(job.payload))
        return time.perf_counter() - began

    results: dict[str, float] = {}
    try:
        for name, trip in (("child", in_child), ("thread", in_thread)):
            for count in (1, SIDE_BY_SIDE):
                await asyncio.gather(*(trip() for _ in range(count)))
                began = time.perf_counter()
                runs = await asyncio.gather(*(repeat(trip, ROUND_TRIPS // count) for _ in range(count)))
                took = [seconds for run in runs for seconds in run]
                results[f"{name} x{count} jobs/s"] = len(took) / (time.perf_counter() - began)
                results[f"{name} x{count} p50 ms"] = statistics.median(took) * 1000
                results[f"{name} x{count} p99 ms"] = sorted(took)[int(len(took) * 0.99)] * 1000
    finally:
        await children.close()
        threads.close()
    return results


def a_claimed_job() -> ClaimedJob:
    """Any will do: nothing here is written."""
    now = datetime.now(UTC)
    return ClaimedJob("1", 1, "child", None, 0, {"i": 1}, 1, 1, 1, 0, now, now, 0.0)


async def drain(flow: KongFlow, task: str) -> float:
    await flow.enqueue_many([(task, {"i": i}) for i in range(DRAINED)])
    began = time.perf_counter()
    await flow.run(until_idle=True)
    return DRAINED / (time.perf_counter() - began)


async def one_round() -> dict[str, float]:
    async with KongFlow.from_config("kongflow.yaml") as flow:
        results = await round_trips(flow)
        for task in ("child", "thread"):
            results[f"{task} drain jobs/s"] = await drain(flow, task)
        return results


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    logging.getLogger("kongflow").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("kongflow.yaml").write_text(CONFIG)
        Path("bench_handlers.py").write_text("def noop(payload):\n    return None\n")
        results = [asyncio.run(one_round()) for _ in range(rounds)]
    print(f"median of {rounds} rounds")
    for name in results[0]:
        print(f"  {name:<24} {statistics.median(result[name] for result in results):10.2f}")


if __name__ == "__main__":
    main()

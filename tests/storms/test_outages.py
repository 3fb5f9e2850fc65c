"""The database goes, or its connections do: runners stay, nothing is lost, nobody is called dead, and work goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import NewJob
from kongflow.store.base import Store
from tests.storms.arena import Arena
from tests.storms.cluster import Cluster, clusters
from tests.storms.producer import Producer

pytestmark = pytest.mark.slow

TASKS = "tasks:\n  work: {handler: handlers.work, max_attempts: 1, crash_limit: 1}\n"
RUNNER = "runner: {concurrency: 5, poll_interval: 500ms, heartbeat: 1s, lease: 5s}\n"
QUICK, DEFAULT = f"version: 1\n{RUNNER}{TASKS}", f"version: 1\nrunner: {{concurrency: 5}}\n{TASKS}"
POLLING = "version: 1\nrunner: {concurrency: 5, poll_interval: 100ms}\n" + TASKS
LISTENING = "version: 1\nrunner: {concurrency: 5, poll_interval: 1h}\n" + TASKS

RUNNERS = 3
OUTAGES, RESUMED_WITHIN = (5.0, 5.0, 20.0, 5.0, 5.0, 5.0, 20.0, 5.0, 5.0, 5.0), 3.0
"""Seconds that the database is away, with the defaults: 20 s is longer than the lease. Claims must go on within so many
seconds of its return."""
BETWEEN = 2.0
"""Seconds of calm after each outage."""
TERMINATING, TERMINATE_EVERY = 30.0, 0.2
BACKLOG, ADD_EVERY = 150, 0.02
PATIENCE = 120.0


def seconds(n: int) -> dict[str, float]:
    """A payload: most jobs are short, some long enough to be cut off by an outage."""
    return {"seconds": 4.0 if n % 97 == 0 else 0.05 + n % 7 * 0.05}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        yield cluster


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Callable[[str, str], Arena]]:
    made: list[Arena] = []

    def make(yaml: str, url: str) -> Arena:
        made.append(Arena(tmp_path, yaml, url))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def judge(arena: Arena, producer: Producer) -> None:
    """Nothing is lost, nobody was called dead, and every runner is there."""
    arena.wait_until_done(len(producer.acknowledged), PATIENCE)
    arena.wait_for("rest", lambda: all(ending.state == "succeeded" for ending in arena.endings()), PATIENCE)
    arena.judge(producer.acknowledged, maybe=producer.unknown)
    assert len(arena.alive) == RUNNERS, arena.logs()
    assert arena.told("job.rescued") == []
    assert arena.told("runner.error") == []


def outages(arena: Arena, cluster: Cluster, lengths: tuple[float, ...]) -> list[float]:
    """Let the server crash and come back, again and again; return the seconds from each return to the next start."""
    resumed = []
    with Producer(arena.url, ADD_EVERY, seconds, BACKLOG) as producer:
        arena.start_all(RUNNERS)
        for length in lengths:
            time.sleep(BETWEEN)
            cluster.stop("immediate")
            time.sleep(length)
            cluster.start()
            back = time.monotonic()
            arena.wait_for("a start", lambda back=back: any(each["at"] > back for each in arena.events("start")))
            resumed.append(min(each["at"] for each in arena.events("start") if each["at"] > back) - back)
    judge(arena, producer)
    lost = f"{len(producer.unknown)} of {len(producer.acknowledged) + len(producer.unknown)} inserts failed"
    print(f"\nclaims went on {', '.join(f'{each:.2f}' for each in resumed)} s after the server's return; {lost}")
    return resumed


def test_claims_go_on_within_3_seconds_of_the_servers_return(
    cluster: Cluster, arena: Callable[[str, str], Arena]
) -> None:
    assert max(outages(arena(DEFAULT, cluster.url("postgres")), cluster, OUTAGES)) <= RESUMED_WITHIN


def terminate(arena: Arena, length: float) -> None:
    """End two connections at random, again and again."""
    ended = 0
    with Producer(arena.url, ADD_EVERY, seconds, BACKLOG) as producer:
        arena.start_all(RUNNERS)
        until = time.monotonic() + length
        with closing(psycopg.connect(arena.url, autocommit=True)) as connection:
            while time.monotonic() < until:
                time.sleep(TERMINATE_EVERY)
                ended += len(
                    connection.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where datname = current_database() and pid <> pg_backend_pid() order by random() limit 2"
                    ).fetchall()
                )
    judge(arena, producer)
    print(f"\n{ended} connections were ended; {len(producer.unknown)} inserts failed")


def test_connections_that_end_at_random_lose_nothing(
    fresh_database: Callable[[str], DatabaseSettings], arena: Callable[[str, str], Arena]
) -> None:
    terminate(arena(QUICK, fresh_database("postgres").url), TERMINATING)


LISTENERS = (
    "from pg_stat_activity where datname = current_database() "
    "and (query ilike 'listen %' or query like 'select pg_notify(%')"  # the latter after 5 s without a call of others
)


def add(arena: Arena, n: int) -> None:
    async def insert(store: Store) -> None:
        await store.insert([NewJob("work", json.dumps({"n": n, "seconds": 0.01}))])

    arena.on_database(insert)


def test_without_a_listener_jobs_start_by_polling(
    fresh_database: Callable[[str], DatabaseSettings], arena: Callable[[str, str], Arena]
) -> None:
    deaf = arena(POLLING, fresh_database("postgres").url)
    deaf.start()
    with closing(psycopg.connect(deaf.url, autocommit=True)) as connection:

        def listener_ended() -> bool:
            return bool(connection.execute(f"select pg_terminate_backend(pid, 5000) {LISTENERS}").fetchall())

        for n in range(5):
            deaf.wait_for("a listener's end", listener_ended)
            add(deaf, n)
            deaf.wait_for("the job's end", lambda n=n: len(deaf.events("end")) == n + 1)


def test_a_listener_that_was_cut_off_hears_again(
    fresh_database: Callable[[str], DatabaseSettings], arena: Callable[[str, str], Arena]
) -> None:
    ears = arena(LISTENING, fresh_database("postgres").url)
    ears.start()
    with closing(psycopg.connect(ears.url, autocommit=True)) as connection:

        def listens() -> bool:
            return connection.execute(f"select count(*) {LISTENERS}").fetchone() != (0,)

        for n in range(5):
            ears.wait_for("a listener", listens)
            add(ears, n)
            ears.wait_for("the job's end, long before the next poll", lambda n=n: len(ears.events("end")) == n + 1)
            connection.execute(f"select pg_terminate_backend(pid, 5000) {LISTENERS}")

"""Behind a real pgbouncer in transaction mode: the contract of the store, and runners that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import StoreUnavailable
from kongflow.store.open import open_store
from tests.storms.arena import QUEUES, Arena
from tests.storms.cluster import USER, Cluster, clusters
from tests.storms.pgbouncer import pgbouncer
from tests.storms.producer import Producer
from tests.storms.suite import run_suite

SUITE = [
    "tests/store/contract",
    "tests/store/test_model.py",
    "tests/store/test_contention.py",
    "tests/store/postgres/test_held_jobs.py",
    "tests/store/postgres/test_open_transactions.py",
    "tests/store/postgres/test_rescue_races.py",
]
YAML = f"""\
version: 1
runner: {{concurrency: 5, poll_interval: 200ms, heartbeat: 500ms, lease: 3s}}
{QUEUES}tasks:
  work: {{handler: handlers.work, queue: "runs:q<< payload.n % 10 >>", max_attempts: 1, crash_limit: 100}}
"""
RUNNERS, SECONDS, KILL_EVERY = 3, 30.0, (0.5, 2.0)
BACKLOG, ADD_EVERY, PATIENCE = 200, 0.05, 180.0
LEFT_OVER = (
    "select count(*) from pg_locks where locktype = 'advisory'",
    "select count(*) from pg_stat_activity where state like 'idle in transaction%'",
    "select count(*) from pg_stat_activity where query ilike 'listen%'",
)
"""What a session could keep from its last client."""


def seconds(n: int) -> dict[str, float]:
    """A payload: jobs of very different length."""
    return {"seconds": 0.02 + n % 9 * 0.1}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        yield cluster


@pytest.mark.slow
def test_the_contract_holds_behind_pgbouncer(cluster: Cluster) -> None:
    with pgbouncer(cluster) as address:
        environment = {"KONGFLOW_TEST_DSN": cluster.url("postgres"), "KONGFLOW_TEST_POOLER": f"{USER}@{address}"}
        print(f"\npgbouncer: {run_suite(SUITE, environment)}")


@pytest.mark.slow
def test_runners_that_are_killed_behind_pgbouncer_lose_nothing(cluster: Cluster, tmp_path: Path) -> None:
    with pgbouncer(cluster) as address:
        url = f"postgresql://{USER}@{address}/postgres"
        arena = Arena(tmp_path, YAML, url, pooler="transaction")
        try:
            with Producer(
                url, ADD_EVERY, lambda n: {"seconds": 0.02 + n % 9 * 0.1}, BACKLOG, "transaction"
            ) as producer:
                arena.start_all(RUNNERS)
                kills = arena.kill_at_random(SECONDS, KILL_EVERY, seed=1)
            assert producer.unknown == []
            arena.wait_until_done(len(producer.acknowledged), PATIENCE)
            arena.judge(producer.acknowledged)
            assert arena.told("runner.error") == []
        finally:
            arena.stop()
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            for left_over in LEFT_OVER:
                assert connection.execute(left_over.encode()).fetchone() == (0,), left_over
    print(f"\n{kills} runners were killed; {len(producer.acknowledged)} jobs")


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_without_the_setting_the_first_connection_says_what_to_set(cluster: Cluster) -> None:
    with pgbouncer(cluster) as address:
        store = open_store(DatabaseSettings(f"postgresql://{USER}@{address}/postgres"))
        with pytest.raises(StoreUnavailable, match=r"database\.pooler: transaction"):
            await store.open()
        await store.close()

"""The standby is gone for which every commit waits: who goes on trying does not fill the server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import StoreTimedOut
from kongflow.store.open import open_store
from kongflow.store.postgres import connections
from tests.engine.waiting import until
from tests.store.stage import POLL, new
from tests.storms.cluster import Cluster, clusters

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PRODUCERS, TRIES, POOL = 5, 4, 5


@pytest.fixture
def primary() -> Iterator[Cluster]:
    with clusters() as (primary,):
        primary.create()
        primary.start()
        yield primary


async def test_a_call_that_is_given_up_leaves_no_process_at_the_server(
    primary: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(DatabaseSettings(url=primary.url("postgres"), pool_size=POOL), POLL)
    await store.open()
    await store.migrate()
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    told: list[str] = []

    async def produce() -> None:
        for _ in range(TRIES):
            with pytest.raises(StoreTimedOut) as raised:
                await store.insert([new()])
            told.append(str(raised.value))

    with psycopg.connect(primary.url("postgres"), autocommit=True) as owner:
        owner.execute("set synchronous_commit = local")

        def waiting() -> int:
            (row,) = owner.execute("select count(*) from pg_stat_activity where wait_event = 'SyncRep'").fetchall()
            return int(row[0])

        owner.execute("alter system set synchronous_standby_names = 'gone'")
        owner.execute("select pg_reload_conf()")
        await asyncio.gather(*(produce() for _ in range(PRODUCERS)))
        await until(lambda: waiting() == 0)
        (added,) = owner.execute("select count(*) from kongflow.job").fetchone() or (0,)
        owner.execute("alter system reset synchronous_standby_names")
        owner.execute("select pg_reload_conf()")

    assert added > 0
    assert all("it may be done all the same" in each for each in told)
    await store.close()

"""Isolation: ours is read committed, whatever a database gives to those who do not say; a user's is his."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import StoreBusy
from tests.postgres import Server
from tests.store.postgres.day import work_a_day
from tests.store.stage import RETRIED, Stage, new

pytestmark = pytest.mark.anyio

STRICTER = ("REPEATABLE READ", "SERIALIZABLE")


@pytest.fixture
def database(server: Server, fresh_database: Callable[[str], DatabaseSettings]) -> DatabaseSettings:
    """A database whose transactions are serializable unless they say otherwise."""
    settings = fresh_database("postgres")
    name = settings.url.partition("?")[0].rpartition("/")[2]
    server.execute(
        sql.SQL("alter database {} set default_transaction_isolation = serializable").format(sql.Identifier(name))
    )
    with psycopg.connect(settings.url) as connection:
        assert connection.execute("show transaction_isolation").fetchone() == ("serializable",)
    return settings


@contextmanager
def transaction_of(database: DatabaseSettings, isolation: Any) -> Iterator[Connection]:
    """A transaction of a user's, whose view of the database is from now."""
    engine = create_engine(database.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level=isolation)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from kongflow.job").scalar() is not None
        yield connection
    engine.dispose()


async def test_everything_works_where_transactions_are_serializable(stage: Stage) -> None:
    await work_a_day(stage)


async def test_claims_settles_and_producers_at_once_are_in_nobodys_way(stage: Stage) -> None:
    runners = [await stage.runner("work", queues={"q": 3}, pid=pid) for pid in range(3)]

    async def produce(n: int) -> None:
        await stage.store.insert([new(queue="q", rule="q", key=f"k{n % 4}"), new()])

    async def work(runner: int) -> int:
        done = 0
        for job in await stage.claim(runner, 5):
            done += not (await stage.end(runner, job)).lost
        return done

    done = 0
    for _ in range(5):
        ended = await asyncio.gather(*(produce(n) for n in range(8)), *(work(runner) for runner in runners))
        done += sum(each or 0 for each in ended)
    assert done > 0


@pytest.mark.parametrize("isolation", STRICTER)
async def test_a_users_transaction_of_any_isolation_adds_jobs(
    stage: Stage, database: DatabaseSettings, isolation: str
) -> None:
    waiting = await stage.add(key="there")
    with transaction_of(database, isolation) as connection:
        plain, keyed, replaced = (
            stage.store.insert_in(connection, [job])[0] for job in (new(), new(key="new"), new(key="there"))
        )
        stage.store.dequeue_in(connection, "new")
        connection.commit()
    assert (replaced.id, replaced.created) == (waiting.id, False)
    assert [await stage.state(job.id) for job in (plain, keyed, replaced)] == ["ready", "cancelled: request", "ready"]


@pytest.mark.parametrize("isolation", STRICTER)
@pytest.mark.parametrize("mode", ["replace", "unsafe_dedupe"])
@pytest.mark.parametrize("before", [True, False], ids=["replaced meanwhile", "added meanwhile"])
async def test_a_users_transaction_that_cannot_see_the_job_of_its_key_fails_and_adds_nothing(
    stage: Stage, database: DatabaseSettings, isolation: str, mode: str, before: bool
) -> None:
    if before:
        await stage.add(key="k")
    with transaction_of(database, isolation) as connection:
        theirs = await stage.add(key="k", payload='{"n":1}')
        if before and mode == "unsafe_dedupe":
            assert stage.store.insert_in(connection, [new(key="k", mode=mode)])[0].id == theirs.id
        else:
            with pytest.raises(StoreBusy, match="try again") as caught:
                stage.store.insert_in(connection, [new(key="k", mode=mode)])
            assert "could not serialize" in str(caught.value.__cause__)
        connection.rollback()
    assert await stage.sql("select count(*) from kongflow.job") == 1
    assert (await stage.job(theirs.id)).payload == {"n": 1}


@pytest.mark.parametrize("isolation", STRICTER)
async def test_a_job_that_a_users_transaction_cannot_see_is_superseded_by_the_newer_one_all_the_same(
    stage: Stage, database: DatabaseSettings, isolation: str
) -> None:
    runner = await stage.runner("work")
    with transaction_of(database, isolation) as connection:
        await stage.add(key="k")
        older = await stage.claim_one(runner)
        (newer,) = stage.store.insert_in(connection, [new(key="k")])
        connection.commit()
    assert newer.created
    await stage.end(runner, older, RETRIED)
    assert await stage.state(older.id) == "cancelled: superseded"
    assert [job.id for job in await stage.claim(runner)] == [newer.id]
    await stage.store.prune(10)
    assert await stage.sql("select count(*) from kongflow.newest") == 0

"""Every kind of connection that a user may have to PostgreSQL carries our statements, in his transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from kongflow import KongFlow, SyncKongFlow, WrongDatabase
from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import JobState
from kongflow.errors import InvalidOption, JobNotFound, StoreBusy, TransactionAborted
from tests.app.conftest import engine_url
from tests.postgres import Server

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("url", ["postgres"], indirect=True)]

ORDER = "insert into orders values (1)"


@dataclass
class Caller:
    """A user's connection, and how he uses it himself."""

    connection: Any
    execute: Callable[[str], Awaitable[Any]]
    commit: Callable[[], Awaitable[None]]
    rollback: Callable[[], Awaitable[None]]


def awaitable(plain: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any) -> Any:
        return plain(*args)

    return call


def plain_caller(connection: Any, execute: Callable[[str], Any]) -> Caller:
    return Caller(connection, awaitable(execute), awaitable(connection.commit), awaitable(connection.rollback))


@asynccontextmanager
async def psycopg_sync(url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url) as connection:
        yield plain_caller(connection, connection.execute)


@asynccontextmanager
async def psycopg_with_factories_of_its_own(url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as connection:
        yield plain_caller(connection, connection.execute)


@asynccontextmanager
async def psycopg_async(url: str) -> AsyncIterator[Caller]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield Caller(connection, connection.execute, connection.commit, connection.rollback)


@asynccontextmanager
async def sqlalchemy_sync(url: str, wrap: Callable[[Any], Any]) -> AsyncIterator[Caller]:
    engine = create_engine(engine_url(url))
    caller = wrap(engine)
    yield plain_caller(caller, lambda sql: caller.execute(text(sql)))
    caller.close()
    engine.dispose()


@asynccontextmanager
async def sqlalchemy_async(url: str, driver: str, wrap: Callable[[Any], Any]) -> AsyncIterator[Caller]:
    engine = create_async_engine(engine_url(url).set(drivername=f"postgresql+{driver}"))
    caller = wrap(engine)
    if isinstance(caller, Awaitable):
        caller = await caller
    yield Caller(caller, lambda sql: caller.execute(text(sql)), caller.commit, caller.rollback)
    await caller.close()
    await engine.dispose()


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "AsyncSession": AsyncSession,
    "AsyncConnection": lambda engine: engine.connect(),
    "async_scoped_session": lambda engine: async_scoped_session(async_sessionmaker(engine), lambda: 1),
}
KINDS: dict[str, Callable[[str], Any]] = {
    "psycopg": psycopg_sync,
    "psycopg, with factories of its own": psycopg_with_factories_of_its_own,
    "psycopg async": psycopg_async,
    "Session": lambda url: sqlalchemy_sync(url, Session),
    "scoped_session": lambda url: sqlalchemy_sync(url, lambda engine: scoped_session(sessionmaker(engine))),
    "Connection": lambda url: sqlalchemy_sync(url, lambda engine: engine.connect()),
    **{
        f"{name} of {driver}": partial(sqlalchemy_async, driver=driver, wrap=wrap)
        for driver in ("psycopg", "asyncpg")
        for name, wrap in WRAPPERS.items()
    },
}
SYNC_KINDS = [kind for kind in KINDS if "async" not in kind.lower()]


@pytest.fixture(params=KINDS)
async def caller(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Caller]:
    with psycopg.connect(url) as connection:
        connection.execute("create table orders (id integer primary key)")
    async with KINDS[request.param](url) as caller:
        yield caller


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        (number,) = connection.execute(f"select count(*) from {table}".encode()).fetchone() or (-1,)
        return int(number)


@pytest.mark.parametrize("commits", [True, False])
async def test_jobs_and_other_writes_are_one_transaction(
    commits: bool, caller: Caller, flow: KongFlow, url: str
) -> None:
    waiting = await flow.enqueue("anything", job_key="old")
    await caller.execute(ORDER)
    job = await flow.enqueue("anything", {"n": 1}, connection=caller.connection, tags=["vip"], job_key="new")
    more = await flow.enqueue_many([("anything", {}), ("greet", {"name": "Ada"})], connection=caller.connection)
    dequeued = await flow.dequeue("old", connection=caller.connection)

    assert (job.created, job.tags, len({job.id, *(other.id for other in more)})) == (True, ("vip",), 3)
    assert dequeued is not None
    assert dequeued.state is JobState.CANCELLED
    assert (count(url, "orders"), count(url, "kongflow.job")) == (0, 1)

    await (caller.commit if commits else caller.rollback)()

    assert (count(url, "orders"), count(url, "kongflow.job")) == ((1, 3) if commits else (0, 1))
    assert (await flow.get(waiting.id)).state is (JobState.CANCELLED if commits else JobState.READY)


async def test_a_replaced_job_is_returned_whole(caller: Caller, flow: KongFlow) -> None:
    first = await flow.enqueue("anything", {"n": 1}, job_key="k", connection=caller.connection)
    again = await flow.enqueue("anything", {"n": 2}, job_key="k", connection=caller.connection)
    await caller.commit()

    assert (again.id, again.created, again.payload) == (first.id, False, {"n": 2})
    assert again.created_at == first.created_at


async def test_a_connection_to_another_database_is_refused_and_stays_usable(
    caller: Caller,
    fresh_database: Callable[[str], DatabaseSettings],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for other in (fresh_database("postgres").url, "sqlite:///other.db"):
        monkeypatch.setenv("KONGFLOW_DATABASE_URL", other)
        async with KongFlow.from_config() as elsewhere:
            for call in (
                elsewhere.enqueue("anything", connection=caller.connection),
                elsewhere.enqueue_many([("anything", {})], connection=caller.connection),
                elsewhere.dequeue("k", connection=caller.connection),
            ):
                with pytest.raises(WrongDatabase, match="the jobs are kept in"):
                    await call
            assert not (await elsewhere.jobs()).items
    await caller.execute(ORDER)
    await caller.commit()

    assert (count(url, "orders"), count(url, "kongflow.job")) == (1, 0)


async def test_a_database_without_our_tables_is_another_one_too(flow: KongFlow, server: Server) -> None:
    name = server.create()
    async with psycopg_async(server.url(name)) as caller:
        with pytest.raises(WrongDatabase):
            await flow.enqueue("anything", connection=caller.connection)
        await caller.execute("select 1")
    server.drop(name)


async def test_a_transaction_that_has_failed_before_is_told_apart_from_an_outage(
    caller: Caller, flow: KongFlow, url: str
) -> None:
    with suppress(Exception):
        await caller.execute("select 1 / 0")
    with pytest.raises(TransactionAborted, match="roll it back"):
        await flow.enqueue("anything", connection=caller.connection)
    await caller.rollback()
    await flow.enqueue("anything", connection=caller.connection)
    await caller.commit()

    assert count(url, "kongflow.job") == 1


async def test_who_waits_for_a_producer_of_the_same_key_is_told_that_it_is_busy(
    caller: Caller, flow: KongFlow, url: str
) -> None:
    await flow.enqueue("anything", job_key="k")
    with psycopg.connect(url) as other:
        await flow.enqueue("anything", job_key="k", connection=other)
        await caller.execute("set local lock_timeout = '50ms'")
        with pytest.raises(StoreBusy, match="lock timeout"):
            await flow.enqueue("anything", job_key="k", connection=caller.connection)
        await caller.rollback()


async def test_the_poll_finds_what_a_psycopg_transaction_added(flow: KongFlow, url: str) -> None:
    async with flow.running(), psycopg_async(url) as caller:
        job = await flow.enqueue("anything", connection=caller.connection)
        await caller.commit()

        assert (await flow.wait(job.id, 60)).state is JobState.SUCCEEDED


async def test_a_connection_in_autocommit_adds_at_once(flow: KongFlow, url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        job = await flow.enqueue("anything", connection=connection)
        assert (await flow.get(job.id)).state is JobState.READY

        with suppress(LookupError):
            async with connection.transaction():
                undone = await flow.enqueue("anything", connection=connection)
                raise LookupError
        with pytest.raises(JobNotFound):
            await flow.get(undone.id)


async def test_nothing_is_notified_inside_a_users_transaction(caller: Caller, flow: KongFlow, url: str) -> None:
    """NOTIFY takes a lock that all committing transactions of the server share."""
    with psycopg.connect(url, autocommit=True) as ear:
        ear.execute("listen kongflow_jobs")
        await caller.execute("select pg_notify('kongflow_jobs', 'a sign of life')")
        await flow.enqueue("anything", connection=caller.connection)
        await caller.commit()
        (first,) = ear.notifies(stop_after=1)
        ear.execute("select pg_notify('kongflow_jobs', 'the end')")
        heard = _until_the_end(ear)

    assert first.payload == "a sign of life"
    assert first.pid not in heard


def _until_the_end(ear: psycopg.Connection[Any]) -> list[int]:
    """Return the sessions that have notified before the end."""
    pids: list[int] = []
    for notify in ear.notifies():
        if notify.payload == "the end":
            break
        pids.append(notify.pid)
    return pids


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("kind", SYNC_KINDS)
async def test_the_twin_takes_what_is_not_async(kind: str, commits: bool, url: str, sync_flow: SyncKongFlow) -> None:
    async with KINDS[kind](url) as caller:
        sync_flow.enqueue("anything", connection=caller.connection, job_key="k")
        sync_flow.enqueue_many([("anything", {})], connection=caller.connection)
        assert sync_flow.dequeue("k", connection=caller.connection) is not None
        await (caller.commit if commits else caller.rollback)()

    assert count(url, "kongflow.job") == (1 if commits else 0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SYNC_KINDS])
async def test_the_twin_drives_no_async_connection_from_its_thread(
    kind: str, url: str, sync_flow: SyncKongFlow
) -> None:
    async with KINDS[kind](url) as caller:
        for call in (
            lambda: sync_flow.enqueue("anything", connection=caller.connection),
            lambda: sync_flow.enqueue_many([("anything", {})], connection=caller.connection),
            lambda: sync_flow.dequeue("k", connection=caller.connection),
        ):
            with pytest.raises(InvalidOption, match="those that are not async"):
                call()

"""Connections: which limits they have, who may overrule them, and what happens when the other side falls silent."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import StoreBusy, StoreTimedOut, StoreUnavailable
from kongflow.store.open import open_store
from kongflow.store.postgres import connections, heartbeat, user_transactions, wakeups
from kongflow.store.postgres.address import parse_address
from kongflow.store.postgres.heartbeat import PostgresLeaseKeeper
from kongflow.store.records import JobFilter
from tests.engine.waiting import until, until_async
from tests.line import Line, line_to
from tests.postgres import Server
from tests.store.stage import POLL, Stage, info, new

pytestmark = pytest.mark.anyio

SHORT = 0.5
"""Seconds of patience, in place of ten."""

LIMITS = {
    "statement_timeout": "8s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "default_transaction_isolation": "read committed",
    "TimeZone": "UTC",
    "application_name": "kongflow",
}


def shown(conninfo: str, *names: str) -> dict[str, str]:
    """What the server says that the settings of a session are."""
    with psycopg.connect(conninfo) as connection:
        return {name: connection.execute(f"show {name}".encode()).fetchone()[0] for name in names}  # type: ignore[index]


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}options={quote(options)}"


def test_our_sessions_have_limits(database: DatabaseSettings) -> None:
    address = parse_address(database.url)
    assert shown(address.ours(8_000), *LIMITS) == LIMITS


async def test_there_are_never_more_connections_for_transactions_than_the_pool_has(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_transactions, "TIME_FOR_A_FREE_ONE", 0.05)
    store = open_store(replace(stage.settings, pool_size=1), POLL)
    await store.open()
    async with store.transaction():
        with pytest.raises(StoreBusy, match=r"all 1 connections .* raise database\.pool_size"):
            async with store.transaction():
                pass
    with store.sync_transaction(), pytest.raises(StoreBusy), store.sync_transaction():
        pass
    await store.close()


def test_a_users_transaction_may_take_as_long_as_it_likes(database: DatabaseSettings) -> None:
    address = parse_address(database.url)
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    assert shown(address.users, *names) == dict.fromkeys(names, "0")
    assert shown(address.migrating, *names) == dict.fromkeys(names, "0")


def test_every_connection_asks_the_server_to_notice_when_we_vanish(database: DatabaseSettings) -> None:
    # What it then says of itself, on a connection that is not a file, is in tests/storms/test_silence.py.
    address = parse_address(database.url)
    for conninfo in (address.ours(8_000), address.users, address.migrating):
        options = str(psycopg.conninfo.conninfo_to_dict(conninfo)["options"])
        assert "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2" in options
        assert "-c tcp_user_timeout=8000" in options


def test_what_a_url_says_wins_over_our_limits(database: DatabaseSettings) -> None:
    written = "-c statement_timeout=4s -c lock_timeout=3s -c timezone=Asia/Tokyo"
    conninfo = parse_address(with_options(database.url, written)).ours(8_000)
    wanted = {"statement_timeout": "4s", "lock_timeout": "3s", "default_transaction_isolation": "read committed"}
    assert shown(conninfo, *wanted) == wanted
    assert shown(conninfo, "TimeZone") == {"TimeZone": "UTC"}, "but for what our functions rely on"


async def test_a_lock_that_is_held_too_long_is_somebody_in_the_way(database: DatabaseSettings) -> None:
    store = open_store(replace(database, url=with_options(database.url, "-c lock_timeout=50ms")), POLL)
    await store.open()
    async with store.transaction() as connection:
        await connection.run_sync(lambda sync: store.insert_in(sync, [new(key="mine")]))
        with pytest.raises(StoreBusy, match="another transaction was in the way"):
            await store.insert([new(key="mine")])
    assert (await store.insert([new(key="mine")]))[0].id
    await store.close()


async def test_the_style_in_which_a_database_writes_instants_does_not_matter(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("alter database {} set datestyle = 'German, DMY'").format(name))
    store = open_store(database, POLL)
    await store.open()
    stage = Stage(database, store)
    runner = await stage.runner("work")
    job = await stage.add()
    assert await stage.end(runner, await stage.claim_one(runner))
    assert [each.id for each in (await store.list_jobs(JobFilter(), 10)).items] == [job.id]
    await store.close()


# --- what is given up ---


@pytest.fixture
async def endless(database: DatabaseSettings) -> AsyncIterator[Stage]:
    """A stage whose statements the server lets wait for a lock for ever, as it does in a commit for a lost standby."""
    settings = replace(database, url=with_options(database.url, "-c lock_timeout=0 -c statement_timeout=0"))
    store = open_store(settings, POLL)
    await store.open()
    yield Stage(settings, store)
    await store.close()


async def no_longer(stage: Stage) -> bool:
    """Say whether nothing waits for a lock of the stage's database."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return not await stage.sql(waiting)


async def test_the_server_ends_what_nobody_waits_for_any_more(endless: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await endless.add()
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    async with endless.store.transaction() as user:
        await user.run_sync(lambda sync: endless.store.insert_in(sync, [new(key="mine")]))
        with pytest.raises(StoreTimedOut, match="it may be done all the same"):
            await endless.store.insert([new(key="mine")])
        await until_async(lambda: no_longer(endless))


async def test_the_server_ends_a_renewal_that_nobody_waits_for_any_more(endless: Stage) -> None:
    runner = await endless.runner("work")
    keeper = PostgresLeaseKeeper(endless.store._access, runner, SHORT)  # type: ignore[attr-defined]
    async with endless.store.transaction() as user:
        await user.exec_driver_sql(f"select from kongflow.runner where id = {runner} for update")
        with pytest.raises(StoreTimedOut):
            await asyncio.to_thread(keeper.renew, [])
        await until_async(lambda: no_longer(endless))
    keeper.close()


async def test_a_call_ends_in_time_where_the_server_cannot_be_asked_to_end_it(
    endless: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await endless.add()
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    async with endless.store.transaction() as user:
        await user.run_sync(lambda sync: endless.store.insert_in(sync, [new(key="mine")]))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_thread)
            with pytest.raises(StoreTimedOut):
                await endless.store.insert([new(key="mine")])


# --- silence ---


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    with line_to(server.dsn) as line:
        yield line


@pytest.fixture
async def stage(database: DatabaseSettings, line: Line) -> AsyncIterator[Stage]:
    """A stage whose connections can fall silent: nothing comes through, and TCP has nothing to say about it."""
    settings = replace(database, url=line.url(database.url.partition("?")[0].rpartition("/")[2]))
    store = open_store(settings, POLL)
    await store.open()
    yield Stage(settings, store)
    await store.close()


async def test_a_call_into_silence_ends_and_the_next_one_is_answered(
    stage: Stage, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(stage.store.insert([new()]) for _ in range(20)))
    assert len(line.calls) > 2, "several connections are idle"
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    line.fall_silent()
    with pytest.raises(StoreTimedOut, match=r"no answer within 0\.5 s"):
        await stage.store.pauses()
    monkeypatch.undo()
    assert (await stage.add()).created, "nobody tries the other idle connections one by one"


@pytest.mark.parametrize("pooler", ["none", "transaction"])
async def test_a_heartbeat_into_silence_ends_and_the_next_one_renews(stage: Stage, line: Line, pooler: str) -> None:
    store = open_store(replace(stage.settings, pooler=pooler), POLL)
    await store.open()
    keeper = PostgresLeaseKeeper(store._access, await store.join(info("work")), 10.0)  # type: ignore[attr-defined]
    keeper.renew([])
    line.fall_silent()
    keeper._patience = SHORT
    with pytest.raises(StoreTimedOut, match=r"no answer within 0\.5 s"):
        await asyncio.to_thread(keeper.renew, [])
    keeper._patience = 10.0
    assert keeper.renew([]).lost == frozenset()
    keeper.close()
    await store.close()


@pytest.mark.parametrize("pooler", ["none", "transaction"])
async def test_a_renewal_needs_no_descriptor_and_no_thread(
    database: DatabaseSettings, pooler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(replace(database, pooler=pooler), POLL)
    await store.open()
    keeper = store.lease_keeper(await store.join(info("work")))
    keeper.renew([])
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with no_descriptor():
        renewed = keeper.renew([7])
    assert renewed.lost == {7}
    keeper.close()
    await store.close()


async def test_a_call_into_silence_ends_where_no_descriptor_is_left(
    stage: Stage, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.add()
    monkeypatch.setattr(connections, "PATIENCE", SHORT)
    monkeypatch.setattr(os, "dup", none_left)
    line.fall_silent()
    with pytest.raises(StoreTimedOut, match=r"no answer within 0\.5 s"):
        await asyncio.wait_for(stage.store.pauses(), 60)


async def test_a_heartbeat_that_cannot_connect_for_want_of_a_descriptor_connects_when_it_can(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = stage.store.lease_keeper(await stage.runner("work"))
    monkeypatch.setattr(heartbeat, "connect_sync", none_left)
    with pytest.raises(StoreUnavailable, match="Too many open files"):
        keeper.renew([])
    monkeypatch.undo()
    assert keeper.renew([]).lost == frozenset()
    keeper.close()


def none_left(*arguments: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def no_thread(thread: threading.Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")


@contextmanager
def no_descriptor() -> Iterator[None]:
    """Within it this process can open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_listener_in_silence_listens_again_and_looks_at_once(
    stage: Stage, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "ECHO_EVERY", 0.05)
    monkeypatch.setattr(wakeups, "ECHO_WITHIN", SHORT)
    heard: list[int] = []
    listener = asyncio.create_task(stage.store.listen(lambda: heard.append(1)))
    await until(lambda: len(heard) == 1)
    line.fall_silent()
    await until(lambda: len(heard) > 1)
    listener.cancel()
    await asyncio.wait({listener})

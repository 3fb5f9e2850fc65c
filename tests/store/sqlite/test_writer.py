"""The writer's thread: one commit for all that has gathered, each operation on its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import make_url

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import JobNotFound, StoreBusy, StoreError
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.transaction import Transaction
from tests.engine.waiting import until_async
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


@dataclass
class Hold:
    """An operation that keeps the thread busy until it is released."""

    begun: threading.Event
    released: threading.Event
    done: asyncio.Future[bool]


def hold(stage: Stage) -> Hold:
    """Hand in an operation that keeps the thread busy."""
    begun, released = threading.Event(), threading.Event()

    def wait(tx: Transaction) -> bool:
        begun.set()
        return released.wait(60.0)

    return Hold(begun, released, access_of(stage).submit(wait))


def access_of(stage: Stage) -> Access:
    return stage.store._access  # type: ignore[attr-defined,no-any-return]


async def test_a_failed_operation_undoes_only_itself(stage: Stage) -> None:
    first = hold(stage)
    before = [asyncio.ensure_future(stage.store.insert([new()])) for _ in range(10)]
    half_bad = asyncio.ensure_future(stage.store.insert([new(), new(priority=10**6)]))
    missing = asyncio.ensure_future(stage.store.retry("999", "{}"))
    after = [asyncio.ensure_future(stage.store.insert([new()])) for _ in range(10)]
    await asyncio.sleep(0)
    first.released.set()
    with pytest.raises(StoreError, match="constraint"):
        await half_bad
    with pytest.raises(JobNotFound):
        await missing
    assert len(await asyncio.gather(*before, *after)) == 20
    runner = await stage.runner("work")
    assert len(await stage.claim(runner)) == 20


async def test_what_has_gathered_is_committed_together(stage: Stage) -> None:
    access = access_of(stage)
    commits: list[int] = []
    first = hold(stage)
    rest = [access.submit(lambda tx: commits.append(tx.now)) for _ in range(50)]
    before = await access.read(lambda connection: connection.exec_driver_sql("pragma data_version").scalar_one())
    first.released.set()
    await asyncio.gather(first.done, *rest)
    after = await access.read(lambda connection: connection.exec_driver_sql("pragma data_version").scalar_one())
    assert len(commits) == 50
    assert after - before <= 2


async def test_nothing_is_answered_before_it_is_committed(stage: Stage) -> None:
    other = await stage.another()
    first = hold(stage)
    insert = asyncio.ensure_future(stage.store.insert([new()]))
    await asyncio.sleep(0)
    beside_the_insert = hold(stage)
    first.released.set()
    assert await asyncio.to_thread(beside_the_insert.begun.wait, 10.0)
    assert await other.get("1") is None
    assert not insert.done()
    beside_the_insert.released.set()
    await insert
    assert await other.get("1") is not None


async def test_an_operation_whose_caller_is_gone_before_it_began_is_not_done(stage: Stage) -> None:
    busy = hold(stage)
    insert = asyncio.ensure_future(stage.store.insert([new()]))
    await asyncio.sleep(0)
    insert.cancel()
    busy.released.set()
    await asyncio.gather(busy.done, insert, return_exceptions=True)
    assert await stage.state("1") == "gone"


async def test_a_claim_whose_caller_is_cancelled_gives_back_what_it_leased(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new(), new()])
    busy = hold(stage)
    claim = asyncio.ensure_future(stage.claim(runner))
    await asyncio.sleep(0)
    claim.cancel()
    busy.released.set()
    with pytest.raises(asyncio.CancelledError):
        await claim
    await busy.done

    async def all_given_back() -> bool:
        return [(await stage.job(id)).attempt for id in ("1", "2")] == [0, 0]

    await until_async(all_given_back)
    assert [job.attempt for job in await stage.claim(runner)] == [1, 1]


async def test_closing_ends_what_was_handed_in(stage: Stage) -> None:
    inserts = [asyncio.ensure_future(stage.store.insert([new()])) for _ in range(100)]
    await asyncio.sleep(0)
    await stage.store.close()
    assert len(await asyncio.gather(*inserts)) == 100


async def test_closing_does_not_wait_for_somebody_elses_lock(database: DatabaseSettings) -> None:
    store = open_store(replace(database, url=database.url + "&busy_timeout=3600"))
    await store.open()
    holder = sqlite3.connect(make_url(database.url).database or "", isolation_level=None)
    holder.execute("begin immediate")
    insert = asyncio.ensure_future(store.insert([new()]))
    await asyncio.sleep(0)
    await asyncio.wait_for(store.close(), 60)
    with pytest.raises(StoreBusy):
        await insert
    holder.close()


async def test_what_nobody_waits_for_any_more_does_not_wait_for_the_lock(stage: Stage) -> None:
    access = access_of(stage)
    holder = access.address.connect()
    holder.execute("begin immediate")
    given_up = asyncio.ensure_future(stage.store.insert([new()]))
    await asyncio.sleep(0)
    given_up.cancel()
    holder.execute("rollback")
    holder.close()
    await stage.store.insert([new()])
    assert [job.id for job in (await stage.store.list_jobs(JobFilter(), 10)).items] == ["1"]


async def test_a_rollback_that_fails_does_not_end_the_thread(stage: Stage) -> None:
    def leaves_the_transaction(tx: Transaction) -> None:
        tx.execute("rollback", {})
        raise RuntimeError("and then it fails")

    with pytest.raises(RuntimeError, match="and then it fails"):
        await access_of(stage).write(leaves_the_transaction)
    assert (await stage.add()).id == "1"

"""What can go wrong with a file: a clear word, and nothing half written."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from kongflow.core.catalog import DatabaseSettings
from kongflow.engine.lease import Lease
from kongflow.errors import InvalidOption, NotInitialized, SchemaOutOfDate, StoreBusy, StoreRefused, StoreUnavailable
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.faults import explain
from tests.engine.waiting import PATIENCE, until
from tests.store.stage import LEASE, SUCCEEDED, Stage, info, new

pytestmark = pytest.mark.anyio


async def refusal(url: str) -> str:
    store = open_store(DatabaseSettings(url))
    with pytest.raises(StoreUnavailable) as caught:
        await store.open()
    await store.close()
    return str(caught.value)


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"the folder {tmp_path}/missing does not exist" in await refusal(f"sqlite:///{tmp_path}/missing/jobs.db")


async def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file is a file" in await refusal(f"sqlite:///{tmp_path}/file/jobs.db")


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert f"{tmp_path} is a directory" in await refusal(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, and long enough to look like one\n" * 100)
    before = path.read_bytes()
    assert "is not an SQLite database, and was left as it is" in await refusal(f"sqlite:///{path}")
    assert path.read_bytes() == before


async def test_a_missing_file_is_not_made_where_the_url_says_so(tmp_path: Path) -> None:
    assert "cannot be opened" in await refusal(f"sqlite:///{tmp_path}/none.db?mode=rw")
    assert list(tmp_path.iterdir()) == []


async def test_a_read_only_database_can_be_looked_at_and_says_so_when_written(database: DatabaseSettings) -> None:
    keeps_the_wal = sqlite3.connect(database.url.removeprefix("sqlite:///").partition("?")[0])
    keeps_the_wal.execute("select count(*) from kongflow_job").fetchone()
    store = open_store(replace(database, url=database.url.partition("?")[0] + "?mode=ro"))
    await store.open()
    assert (await store.list_jobs(JobFilter(), 10)).items == ()
    with pytest.raises(StoreUnavailable, match="can only be read"):
        await store.insert([new()])
    await store.close()
    keeps_the_wal.close()


async def test_a_full_disk_loses_nothing_and_recovers(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await _set_page_limit(stage, 1)
    with pytest.raises(StoreUnavailable, match="is full"):
        await stage.store.insert([new(payload='"' + "x" * 900_000 + '"')])
    outcomes = await asyncio.gather(
        *(stage.store.insert([new(payload='"' + "x" * 900_000 + '"')]) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert [job.id for job in (await stage.store.list_jobs(JobFilter(), 10)).items] == [job.id]
    await _set_page_limit(stage, 1_000_000)
    assert not (await stage.end(runner, job, SUCCEEDED)).lost
    assert (await stage.add()).created


async def _set_page_limit(stage: Stage, pages: int) -> None:
    """The limit is one of the connection: SQLite answers as if the disk was full."""
    access = stage.store._access  # type: ignore[attr-defined]
    await access.write(lambda tx: tx.execute(f"pragma max_page_count = {pages}", {}).fetchall())


async def test_a_lost_job_on_a_damaged_page_holds_up_no_other(stage: Stage) -> None:
    dead = await stage.runner("work", crash_limit=1)
    letters = "y" * 60_000
    _, good = await stage.add(payload=f'["{letters}"]'), await stage.add()
    await stage.claim(dead)
    await stage.store.leave(dead)
    await stage.store.close()
    _damage_page(Path(make_url(stage.settings.url).database or ""), b"y" * 1_000)
    await stage.store.open()
    alive = await stage.runner("nothing")
    with pytest.raises(StoreRefused, match="is damaged"):
        await stage.store.rescue(alive)
    assert [job.id for job in await stage.store.rescue(alive)] == [good.id]


def _damage_page(path: Path, filled_with: bytes) -> None:
    """Let a page that is full of this name a next one that is not there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        (size,) = connection.execute("pragma page_size").fetchone()
    data = bytearray(path.read_bytes())
    page = next(at for at in range(0, len(data), size) if data[at + 8 : at + 8 + len(filled_with)] == filled_with)
    data[page : page + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_CONSTRAINT, StoreRefused),
        (sqlite3.SQLITE_CORRUPT, StoreRefused),
        (sqlite3.SQLITE_ERROR, StoreRefused),
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_IOERR, StoreUnavailable),
        (sqlite3.SQLITE_FULL, StoreUnavailable),
        (sqlite3.SQLITE_READONLY, StoreUnavailable),
    ],
)
async def test_what_may_be_about_one_row_is_a_refusal(tmp_path: Path, code: int, kind: type[Exception]) -> None:
    error = sqlite3.DatabaseError("something")
    error.sqlite_errorcode = code
    assert type(explain(error, tmp_path / "jobs.db")) is kind


async def test_a_table_that_a_users_trigger_does_not_find_is_told_in_the_words_of_sqlite(stage: Stage) -> None:
    job = await stage.add()
    audit = "create trigger audit after insert on kongflow_history begin insert into audit_log values (new.id); end"
    await stage.sql(audit)
    with pytest.raises(StoreRefused, match=r"no such table: main\.audit_log"):
        await stage.store.cancel(job.id)
    await stage.sql("drop trigger audit")
    await stage.sql("drop table kongflow_history")
    with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
        await stage.store.cancel(job.id)


async def test_errors_of_the_system_are_told_in_words(tmp_path: Path) -> None:
    for code, words in ((sqlite3.SQLITE_IOERR, "could not read or write"), (sqlite3.SQLITE_CORRUPT, "is damaged")):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code | 1 << 8
        assert words in str(explain(error, tmp_path / "jobs.db"))
    assert explain(ValueError("ours"), tmp_path) is None


# --- the one lock of a file ---


@pytest.fixture
def impatient(database: DatabaseSettings) -> DatabaseSettings:
    return replace(database, url=database.url + "&busy_timeout=0.3")


async def test_who_waits_too_long_for_the_lock_is_told_the_cause(impatient: DatabaseSettings) -> None:
    store, path = open_store(impatient), impatient.url.removeprefix("sqlite:///").partition("?")[0]
    await store.open()
    runner = await store.join(info())
    keeper = store.lease_keeper(runner)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(StoreBusy, match=r"(?s)has kept .*jobs\.db locked.*look for a transaction that stays open"):
        await store.insert([new()])
    with pytest.raises(StoreBusy):
        await asyncio.to_thread(keeper.renew, [])
    with pytest.raises(StoreBusy):
        async with store.transaction():
            raise AssertionError("the transaction began")
    with pytest.raises(StoreBusy), store.sync_transaction():
        raise AssertionError("the transaction began")
    assert (await store.list_jobs(JobFilter(), 10)).items == ()
    holder.execute("rollback")
    assert (await store.insert([new()]))[0].id == "1"
    keeper.renew([])
    keeper.close()
    holder.close()
    await store.close()


async def test_many_who_wait_give_up_together_and_not_one_after_the_other(impatient: DatabaseSettings) -> None:
    store, path = open_store(impatient), impatient.url.removeprefix("sqlite:///").partition("?")[0]
    await store.open()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    together = asyncio.gather(*(store.insert([new()]) for _ in range(250)), return_exceptions=True)
    outcomes = await asyncio.wait_for(together, PATIENCE)  # one after the other they would wait for longer
    assert all(isinstance(outcome, StoreBusy) for outcome in outcomes)
    holder.close()
    await store.close()


async def test_a_users_engine_that_finds_the_file_locked_is_told_the_cause(impatient: DatabaseSettings) -> None:
    store, path = open_store(impatient), impatient.url.removeprefix("sqlite:///").partition("?")[0]
    await store.open()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05})
    with engine.connect() as connection, pytest.raises(StoreBusy):
        store.insert_in(connection, [new()])
    engine.dispose()
    holder.close()
    await store.close()


async def test_nobody_is_called_dead_because_a_lock_kept_everybody_out(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kongflow.store.sqlite.writer.NOTABLE_WAIT", 0.0)
    store = open_store(database, 0.5)
    await store.open()
    busy, looking = await store.join(info()), await store.join(info())
    await store.insert([new()])
    (job,) = (await store.claim(busy, 1, 1)).jobs
    store.advance(16.0)
    assert await store.rescue(looking) == []
    holder = sqlite3.connect(database.url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
    holder.execute("begin immediate")
    store.advance(1.0)
    look = asyncio.create_task(store.rescue(looking))
    await until(lambda: store._access.writer._kept_out_since is not None)  # type: ignore[attr-defined]
    holder.execute("rollback")
    holder.close()
    assert await look == []
    keeper = store.lease_keeper(busy)
    assert keeper.renew([job.lease]).lost == frozenset()
    keeper.close()
    await store.close()


async def test_who_is_kept_out_sees_without_the_lock_whether_others_have_written(stage: Stage) -> None:
    keeper = stage.store.lease_keeper(await stage.runner())
    assert keeper.written() is None
    keeper.renew([])
    before = keeper.written()
    keeper.renew([])
    holder = sqlite3.connect(stage.settings.url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(StoreBusy):
        keeper.renew([])
    assert keeper.written() == before
    holder.execute("rollback")
    await stage.add()
    holder.execute("begin immediate")
    with pytest.raises(StoreBusy):
        keeper.renew([])
    assert keeper.written() not in (None, before)
    holder.close()
    keeper.close()


async def test_a_lease_is_over_before_others_that_write_between_two_locks_take_its_jobs(stage: Stage) -> None:
    moved = 0.0

    def clock() -> float:
        return time.monotonic() + moved

    unlucky, other = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    (job,) = await stage.claim(unlucky)
    keeper, lease = stage.store.lease_keeper(unlucky), Lease(LEASE, clock)
    lease.renewed(clock())
    keeper.renew([job.lease])
    holder = sqlite3.connect(stage.settings.url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
    rescued = await stage.store.rescue(other)
    while not rescued:
        assert moved < 2 * LEASE
        stage.advance(1.0)
        moved += 1.0
        sent = clock()
        holder.execute("begin immediate")
        with pytest.raises(StoreBusy):
            keeper.renew([job.lease])
        lease.locked_out(sent, keeper.written())
        holder.execute("rollback")
        stage.renew(other)
        rescued = await stage.store.rescue(other)
    assert not lease.holds
    keeper.close()
    holder.close()


# --- life ---


async def test_opening_and_closing_twice_is_the_same(stage: Stage) -> None:
    await stage.store.open()
    await stage.add()
    for _ in range(2):
        await stage.store.close()
    with pytest.raises(NotInitialized):
        await stage.store.insert([new()])
    with pytest.raises(NotInitialized):
        await stage.store.get("1")
    await stage.store.open()
    assert await stage.state("1") == "ready"


async def test_a_forked_child_is_told_to_open_the_store_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    for call in (stage.store.insert([new()]), stage.store.get("1")):
        with pytest.raises(StoreUnavailable, match="forked"):
            await call


async def test_an_open_that_fails_half_way_can_be_tried_again(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, failures = Address.connect, [True, False]

    def fail_on_the_second(self: Address, **options: float) -> sqlite3.Connection:
        if threading.current_thread().name.startswith("kongflow-reads") and failures.pop(0):
            raise StoreUnavailable("for a moment")
        return connect(self, **options)

    monkeypatch.setattr(Address, "connect", fail_on_the_second)
    store, threads = open_store(database), threading.active_count()
    with pytest.raises(StoreUnavailable, match="for a moment"):
        await store.open()
    await until(lambda: threading.active_count() <= threads + 1)  # asyncio keeps one for its next call
    await store.open()
    assert (await store.insert([new()]))[0].id == "1"
    await store.close()


async def test_a_look_at_jobs_needs_no_lock(impatient: DatabaseSettings) -> None:
    store = open_store(impatient)
    await store.open()
    await store.check_name("shop")
    holder = sqlite3.connect(impatient.url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
    holder.execute("begin immediate")
    await store.check_name("shop")
    assert (await store.list_jobs(JobFilter(), 10)).items == ()
    holder.close()
    await store.close()


def test_a_store_outlives_its_event_loop(database: DatabaseSettings) -> None:
    store = open_store(database)
    asyncio.run(store.open())
    asyncio.run(store.insert([new()]))
    assert asyncio.run(store.get("1")) is not None
    asyncio.run(store.close())


@pytest.mark.parametrize(
    "url",
    ["jobs.db", "sqlite://", "sqlite:///:memory:", "mysql://x/y", "sqlite:///x.db?synchronous=off", "sqlite:///x.db?a=1",
     "sqlite:///x.db?busy_timeout=soon", "sqlite:///x.db?busy_timeout=-1", "sqlite:///x.db?mode=memory"],
)  # fmt: skip
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(InvalidOption, match=r"database\.url"):
        open_store(DatabaseSettings(url))


def test_commits_are_on_disk_unless_the_url_says_otherwise(tmp_path: Path) -> None:
    for synchronous, number in (("full", 2), ("normal", 1)):
        connection = Address(tmp_path / "a b?c#d.db", synchronous=synchronous).connect()
        assert connection.execute("pragma synchronous").fetchone() == (number,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        connection.close()
    assert (tmp_path / "a b?c#d.db").exists()


def test_an_sqlite_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(StoreUnavailable, match=r"KongFlow needs 3\.37"):
        Address(tmp_path / "jobs.db").connect()

"""What can go wrong with a server: a clear word, nothing half written, and work goes on when it is back."""

from __future__ import annotations

import asyncio
import gc
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import (
    InvalidOption,
    NotInitialized,
    SchemaOutOfDate,
    StoreBusy,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreTimedOut,
    StoreUnavailable,
    WrongDatabase,
)
from kongflow.store.open import open_store
from kongflow.store.postgres.address import CONNECT, parse_address
from kongflow.store.postgres.faults import explain
from kongflow.store.postgres.patience import NoAnswer
from tests.engine.waiting import until_async
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio

END_OTHER_SESSIONS = (
    "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    store = open_store(DatabaseSettings("postgresql://me:hunter2@127.0.0.1:1/shop"))
    with pytest.raises(StoreUnavailable, match=r"postgresql://127\.0\.0\.1:1/shop cannot be reached") as caught:
        await store.open()
    assert "hunter2" not in str(caught.value)
    with pytest.raises(NotInitialized):
        await store.insert([new()])
    await store.close()


@pytest.mark.parametrize("url", ["postgresql://[", "postgresql://h/x?hunter2=1"])
def test_a_url_that_cannot_work_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidOption, match=r"database\.url") as caught:
        open_store(DatabaseSettings(url))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:secret@h/x?sslmode=require", "postgresql://h/x"),
        ("postgresql://h:5432/x", "postgresql://h/x"),
        ("postgresql://h:6432/x", "postgresql://h:6432/x"),
        ("postgresql://[::1]:6432/x", "postgresql://[::1]:6432/x"),
        ("postgresql://a:5432,b:5433,c/x", "postgresql://a,b:5433,c/x"),
        ("postgresql://a,b/x?port=5433", "postgresql://a:5433,b:5433/x"),
        ("postgresql:///x?host=/run/postgresql&port=5433", "postgresql:///run/postgresql:5433/x"),
        ("postgresql:///x", "postgresql://localhost/x"),
    ],
)
def test_a_place_is_host_port_and_database(url: str, place: str) -> None:
    assert open_store(DatabaseSettings(url)).place == place


def test_what_a_url_says_wins_over_our_defaults_for_connections() -> None:
    plain = psycopg.conninfo.conninfo_to_dict(parse_address("postgresql://h/x").users)
    given = psycopg.conninfo.conninfo_to_dict(parse_address("postgresql://h/x?connect_timeout=9").users)
    assert {name: plain[name] for name in CONNECT} == {name: str(value) for name, value in CONNECT.items()}
    assert given["connect_timeout"] == "9"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://h/x", None),
        ("postgresql://a,b/x", "read-write"),
        ("postgresql://a,b/x?target_session_attrs=any", "any"),
    ],
)
def test_of_several_hosts_the_one_that_takes_writes_is_wanted(url: str, wanted: str | None) -> None:
    for conninfo in (parse_address(url).users, parse_address(url).ours(1), parse_address(url, "transaction").users):
        assert psycopg.conninfo.conninfo_to_dict(conninfo).get("target_session_attrs") == wanted


async def test_connections_that_the_server_ends_are_replaced_and_nothing_is_lost(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(runner)
    await _end_other_sessions(stage)
    assert not (await stage.end(runner, job)).lost
    await _end_other_sessions(stage)
    assert await stage.state(job.id) == "succeeded"


async def test_connections_to_a_server_that_can_only_be_read_are_given_up(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add()
    async with the_server_being_a_replica(stage):
        with pytest.raises(StoreUnavailable, match="can only be read"):
            await stage.claim(runner)
        with pytest.raises(StoreUnavailable, match="can only be read"):
            async with stage.store.transaction() as user:
                await user.run_sync(lambda connection: stage.store.insert_in(connection, [new()]))
        with pytest.raises(StoreUnavailable, match="can only be read"), stage.store.sync_transaction() as mine:
            stage.store.insert_in(mine, [new()])
    assert await stage.claim_ids(runner) == [job.id]
    async with stage.store.transaction() as user:
        await user.run_sync(lambda connection: stage.store.insert_in(connection, [new()]))
    with stage.store.sync_transaction() as mine:
        stage.store.insert_in(mine, [new()])
    assert len(await stage.claim(runner)) == 2


async def test_a_claim_whose_caller_is_cancelled_gives_back_what_it_leased(stage: Stage) -> None:
    runner = await stage.runner("work")
    ids = [job.id for job in await stage.store.insert([new() for _ in range(3)])]
    claim = asyncio.ensure_future(stage.claim(runner))
    await asyncio.sleep(0)
    claim.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claim

    async def all_given_back() -> bool:
        jobs = [await stage.job(id) for id in ids]
        return {(job.state, job.attempt, job.claims) for job in jobs} == {("ready", 0, 1)}

    await until_async(all_given_back)


async def test_a_call_that_is_cancelled_leaves_a_usable_store(stage: Stage) -> None:
    for _ in range(5):
        insert = asyncio.ensure_future(stage.store.insert([new()]))
        await asyncio.sleep(0.001)
        insert.cancel()
        await asyncio.gather(insert, return_exceptions=True)
    assert (await stage.add()).created


async def test_more_callers_than_connections_take_turns(stage: Stage) -> None:
    jobs = await asyncio.gather(*(stage.store.insert([new()]) for _ in range(100)))
    assert len({job.id for (job,) in jobs}) == 100


async def test_a_copy_of_the_database_is_another_database(stage: Stage, database: DatabaseSettings) -> None:
    copied = database.url.replace("/kongflow_test", "/postgres?x=/kongflow_test").partition("?x=")[0]
    host = database.url.partition("?")[2]
    other = open_store(DatabaseSettings(f"{copied}?{host}" if host else copied, schema="elsewhere"))
    await other.open()
    async with other.transaction() as connection:
        with pytest.raises(WrongDatabase, match="Jobs and other writes commit together only in one database"):
            await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new()]))
    await other.close()


def test_a_child_that_ends_leaves_its_parents_connections_alone(database: DatabaseSettings) -> None:
    async def main() -> None:
        store = open_store(database)
        await store.open()
        await store.insert([new()])
        child = os.fork()
        if child == 0:
            del store
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        await store.insert([new()])
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("insert into audit_log values (new.id)", 'relation "audit_log" does not exist'),
        ("perform audited(new.id)", "function audited(bigint) does not exist"),
        ("update public.audits set amount = new.id", 'column "amount" of relation "audits" does not exist'),
    ],
)
async def test_what_a_users_trigger_does_not_find_is_told_in_the_servers_words(
    stage: Stage, wrong: str, words: str
) -> None:
    await stage.sql("create table public.audits (id bigint)")
    await stage.sql(
        f"create function public.audit() returns trigger language plpgsql as $$ begin {wrong}; return new; end $$"
    )
    await stage.sql(
        "create trigger audit after insert on kongflow.history for each row execute function public.audit()"
    )
    job = await stage.add()
    with pytest.raises(StoreError, match=re.escape(words)) as told:
        await stage.store.cancel(job.id)
    assert not isinstance(told.value, SchemaOutOfDate)


@pytest.mark.parametrize("missing", ["function kongflow.cancel", "view kongflow.job_row cascade", "column progress"])
async def test_what_our_own_functions_do_not_find_is_a_schema_that_is_too_old(stage: Stage, missing: str) -> None:
    job = await stage.add()
    if missing == "column progress":
        await stage.sql("alter table kongflow.job rename column progress to progressed")
        with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
            await stage.store.progress(job.id, 1, "1")
        return
    await stage.sql(f"drop {missing}")
    with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
        await stage.store.cancel(job.id)


def test_errors_of_the_server_are_told_in_words() -> None:
    cases: list[tuple[BaseException, type[StoreError], str]] = [
        (psycopg.errors.LockNotAvailable("x"), StoreBusy, "try again"),
        (psycopg.errors.ReadOnlySqlTransaction("x"), StoreUnavailable, "target_session_attrs=read-write"),
        (psycopg.errors.DiskFull("x"), StoreUnavailable, "is full"),
        (psycopg.errors.InsufficientPrivilege("x"), StoreForbidden, "has the GRANTs"),
        (psycopg.errors.QueryCanceled("x"), StoreBusy, "try again"),
        (NoAnswer("x"), StoreTimedOut, "in time"),
        (psycopg.errors.CheckViolation("x"), StoreRefused, "refused a row: x"),
        (psycopg.errors.InvalidTextRepresentation("x"), StoreRefused, "refused a row: x"),
        (psycopg.errors.DataCorrupted("x"), StoreRefused, "refused a row: x"),
        (psycopg.errors.RaiseException("x"), StoreRefused, "refused a row: x"),
        (psycopg.errors.StatementTooComplex("x"), StoreRefused, "refused a row: x"),
        (psycopg.errors.IoError("x"), StoreError, "refused a statement: x"),
        (psycopg.errors.UndefinedTable('relation "kongflow.job" does not exist'), SchemaOutOfDate, "db upgrade"),
        (
            psycopg.errors.UndefinedFunction("function kongflow.claim(bigint) does not exist"),
            SchemaOutOfDate,
            "too old",
        ),
        (psycopg.errors.InvalidSchemaName('schema "kongflow" does not exist'), SchemaOutOfDate, "are missing"),
        (psycopg.errors.InvalidSchemaName('schema "audits" does not exist'), StoreRefused, "refused a row: schema"),
        (psycopg.errors.UndefinedFunction("function audit(bigint) does not exist"), StoreError, "refused a statement"),
        (psycopg.errors.UndefinedColumn("column j.old does not exist"), SchemaOutOfDate, "db upgrade"),
        (psycopg.errors.UndefinedFile("x"), StoreError, "refused a statement: x"),
        (psycopg.errors.InternalError_("x"), StoreError, "refused a statement: x"),
        (psycopg.errors.FdwError("x"), StoreError, "refused a statement: x"),
        (psycopg.errors.ObjectNotInPrerequisiteState("x"), StoreError, "refused a statement: x"),
        (of_a_trigger("UE001"), StoreRefused, "refused a row: x"),
        (psycopg.errors.ConnectionFailure("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.AdminShutdown("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.CannotConnectNow("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.TooManyConnections("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.OutOfMemory("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.InvalidAuthorizationSpecification("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.FeatureNotSupported("x"), StoreError, "refused a statement"),
        (psycopg.OperationalError("x"), StoreUnavailable, "cannot be reached"),
        (psycopg.errors.InvalidSqlStatementName("x"), StoreUnavailable, "database.pooler: transaction"),
        (psycopg.errors.DuplicatePreparedStatement("x"), StoreUnavailable, "database.pooler: transaction"),
        (
            psycopg.OperationalError("FATAL:  unsupported startup parameter: options"),
            StoreUnavailable,
            "database.pooler: transaction",
        ),
    ]
    for error, kind, words in cases:
        told = explain(error, "postgresql://h/x", "kongflow")
        assert type(told) is kind
        assert words in str(told)
    assert explain(ValueError("ours"), "", "kongflow") is None


def of_a_trigger(sqlstate: str) -> psycopg.Error:
    """What a function of a user raises, with a code of its own."""
    error = psycopg.DatabaseError("x")
    error.sqlstate = sqlstate
    return error


@asynccontextmanager
async def the_server_being_a_replica(stage: Stage) -> AsyncIterator[None]:
    """Who connects meanwhile finds a server that can only be read, as behind a name that was not moved yet."""
    set_to = "do $$ begin execute format('alter database %I {}', current_database()); end $$"
    with psycopg.connect(stage.settings.url, autocommit=True) as owner:
        owner.execute(set_to.format("set default_transaction_read_only = on").encode())
        owner.execute(END_OTHER_SESSIONS.encode())
        yield
        owner.execute(set_to.format("reset default_transaction_read_only").encode())


async def _end_other_sessions(stage: Stage) -> None:
    """What a restart, a failover or an administrator does."""
    await stage.sql(END_OTHER_SESSIONS)


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter@two@h/db", "postgresql://u:hunter/two@h/db", "postgresql://h:notaport/db"]
)
def test_a_url_that_libpq_would_take_apart_in_the_wrong_place_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        parse_address(url)
    assert "%40" in str(refused.value)
    assert "two" not in str(refused.value)

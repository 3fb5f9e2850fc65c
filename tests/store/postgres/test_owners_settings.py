"""Whatever the owner of a server sets for it, for a database or for a role, the promises hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files

import psycopg
import pytest
from psycopg import sql

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import InvalidOption, StoreBusy, StoreRefused, StoreUnavailable
from kongflow.store.connections import sync_connection
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from tests.postgres import Server
from tests.store.postgres.day import work_a_day
from tests.store.postgres.test_connections import with_options
from tests.store.stage import POLL, Stage, new

pytestmark = pytest.mark.anyio

Set = Callable[[str], None]


@pytest.fixture
def of_the_owner(database: DatabaseSettings) -> Set:
    """Sets something for the database: `of_the_owner("synchronous_commit = off")`."""

    def set_(setting: str) -> None:
        with psycopg.connect(database.url, autocommit=True) as owner:
            name = sql.Identifier(owner.info.dbname)
            owner.execute(sql.SQL("alter database {} set ").format(name) + sql.SQL(setting))

    return set_


@pytest.mark.parametrize(
    "setting",
    [
        "datestyle = 'German, DMY'",
        "intervalstyle = 'sql_standard'",
        "client_encoding = 'latin1'",
        "synchronous_commit = off",
        "idle_session_timeout = '1ms'",
        "plpgsql.extra_errors = 'all'",
        "search_path = 'nowhere'",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "timezone = 'Asia/Kathmandu'",
        "plan_cache_mode = 'force_generic_plan'",
        "default_transaction_isolation = 'repeatable read'",
    ],
)
async def test_a_day_goes_as_ever(database: DatabaseSettings, of_the_owner: Set, setting: str) -> None:
    of_the_owner(setting)
    store = open_store(database, POLL)
    await store.open()
    stage = Stage(database, store)
    await work_a_day(stage)
    for each in (*stage.others, store):
        await each.close()


async def test_a_day_goes_as_ever_where_all_tables_are_published(stage: Stage, database: DatabaseSettings) -> None:
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("create publication everything for all tables")
        await work_a_day(stage)
        missing = owner.execute(
            "select c.oid::regclass::text from pg_class c where c.relnamespace = 'kongflow'::regnamespace "
            "and c.relkind in ('r', 'p') and c.relreplident = 'd' "
            "and not exists (select from pg_index where indrelid = c.oid and indisprimary)"
        ).fetchall()

    assert missing == [], "tables whose rows nobody could change"


# --- commits that do not wait ---


CALLS = {
    "add_jobs": "add_jobs('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '0')",
    "enqueue": "enqueue('work')",
    "claim": "claim(1, 1, 0, false, null, '0')",
    "settle": "settle('{}', '{1,1,1}', 1, '{}', null, '0')",
    "settle_in": "settle_in('{}', null, '0')",
    "cancel": "cancel(1, '0')",
    "delete": "delete(1)",
    "dequeue": "dequeue('key', '0')",
    "retry": "retry(1, null, '0')",
    "reschedule": "reschedule(1, null, 0, '0')",
    "pause": "pause('work', 'why', 'who', '0')",
    "resume": "resume('work')",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("level", "then"), [("off", "on"), ("local", "local"), ("remote_write", "remote_write")])
def test_what_is_acknowledged_is_not_forgotten_by_a_crash(
    database: DatabaseSettings, call: str, level: str, then: str
) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(f"set synchronous_commit = {level}".encode())
        connection.commit()
        connection.execute(f"select kongflow.{call}".encode())
        assert connection.execute("show synchronous_commit").fetchone() == (then,)
        connection.rollback()
        assert connection.execute("show synchronous_commit").fetchone() == (level,)


# --- limits ---


async def test_a_renewal_whose_connection_was_cut_while_it_was_idle_is_no_outage(stage: Stage, server: Server) -> None:
    keeper = stage.store.lease_keeper(await stage.runner("work"))
    keeper.renew([])
    pid = keeper._connection.info.backend_pid  # type: ignore[attr-defined]
    server.execute(sql.SQL("select pg_terminate_backend({}, 10000)").format(sql.Literal(pid)))

    assert keeper.renew([]).lost == frozenset()
    keeper.close()


async def test_a_migration_waits_and_takes_its_time_whatever_is_set(server: Server) -> None:
    name = server.create()
    for limit in ("statement_timeout", "lock_timeout"):
        server.execute(sql.SQL("alter database {} set {} = '1ms'").format(sql.Identifier(name), sql.Identifier(limit)))
    store = open_store(server.settings(name), POLL)
    await store.open()
    assert (await store.migrate()).up_to_date
    await store.close()
    server.drop(name)


async def test_how_long_a_change_of_a_job_waits_for_its_lock_is_in_the_url(database: DatabaseSettings) -> None:
    limits = "-c lock_timeout=50ms -c statement_timeout=3s"
    store = open_store(replace(database, url=with_options(database.url, limits)), POLL)
    await store.open()
    (job,) = await store.insert([new()])
    with psycopg.connect(database.url) as other:
        other.execute("select from kongflow.job for update")
        for change in (store.cancel, store.delete):
            with pytest.raises(StoreBusy, match="lock timeout"):
                await change(job.id)
    await store.close()


# --- texts ---


async def test_every_text_goes_through_whatever_the_client_encoding_is(
    database: DatabaseSettings, of_the_owner: Set
) -> None:
    of_the_owner("client_encoding = 'latin1'")
    store = open_store(database, POLL)
    await store.open()
    (job,) = await store.insert([new(payload='{"to": "漢字 €"}')])
    found = await store.get(job.id)
    assert found is not None
    assert found.payload == {"to": "漢字 €"}
    await store.close()


def test_another_encoding_in_the_url_is_refused() -> None:
    with pytest.raises(InvalidOption, match="must be utf8"):
        open_store(DatabaseSettings("postgresql://app@db/app?client_encoding=latin1"))


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_keep_every_text_is_refused(server: Server, encoding: str) -> None:
    name = server.create()
    server.drop(name)
    made = "create database {} encoding {} locale 'C' template template0"
    server.execute(sql.SQL(made).format(sql.Identifier(name), sql.Literal(encoding)))
    store = open_store(server.settings(name))
    with pytest.raises(StoreUnavailable, match=f"has the encoding {encoding}.*createdb --encoding UTF8"):
        await store.open()
    await store.close()
    server.drop(name)


@pytest.mark.parametrize("pooler", ["none", "transaction"])
async def test_instants_are_read_whatever_their_style_is(
    database: DatabaseSettings, of_the_owner: Set, pooler: str
) -> None:
    of_the_owner("datestyle = 'German, DMY'")
    store = open_store(replace(database, pooler=pooler), POLL)
    await store.open()
    (added,) = await store.insert([new()])
    assert [job.created_at for job in (await store.list_jobs(JobFilter(), 10)).items] == [added.created_at]
    with psycopg.connect(database.url) as connection:
        (inside,) = store.insert_in(sync_connection(connection), [new()])
    with store.sync_transaction() as users:
        assert users.exec_driver_sql("select now()").scalar() > inside.created_at
    await store.close()


# --- schemas and roles ---


async def test_functions_of_others_in_our_schema_stay_everybodys(server: Server) -> None:
    name = server.create()
    settings = replace(server.settings(name), schema="public")
    with psycopg.connect(server.url(name), autocommit=True) as owner:
        owner.execute("create function public.mine() returns integer language sql as 'select 1'")
        store = open_store(settings)
        await store.open()
        await store.migrate()
        await store.close()
        rights = dict(
            owner.execute(
                "select proname, proacl is null from pg_proc where pronamespace = 'public'::regnamespace"
            ).fetchall()
        )
    assert rights.pop("mine")
    assert not any(rights.values()), "ours are not everybody's"
    server.drop(name)


@pytest.mark.parametrize("schema", ["order", "user"])
def test_a_schema_with_a_name_of_sqls_own_is_refused(schema: str) -> None:
    with pytest.raises(InvalidOption, match="a word of SQL's own"):
        open_store(DatabaseSettings("postgresql://app@db/app", schema=schema))


async def test_a_producer_cannot_put_a_pattern_where_a_queue_belongs(stage: Stage) -> None:
    """Two lanes of one name would stop every claim."""
    runner = await stage.runner("work", queues={"runs:*": 1})
    with pytest.raises(StoreRefused):
        await stage.add(queue="runs:*")
    good = await stage.add(queue="runs:1")
    assert (await stage.claim_one(runner)).id == good.id


# --- plans ---


def test_who_chooses_his_plans_does_not_have_them_compiled() -> None:
    """Before PostgreSQL 18 a node that is switched off costs 1e10, far more than `jit_above_cost`: each claim would be
    compiled, for 0.4 s and more, where the server has a compiler. That of pip has none.
    """
    functions = [file.read_text() for file in (files("kongflow.store.postgres") / "functions").iterdir()]
    choosing = [text for text in functions if re.search(r"set enable_\w+ = off", text)]
    assert len(choosing) > 10
    assert [text for text in choosing if "set jit = off" not in text] == []

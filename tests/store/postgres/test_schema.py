"""Migrations, a schema of our own, and whose tables they are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import kongflow
from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import SchemaOutOfDate, WrongName
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import SchemaStatus
from kongflow.store.releases import REVISIONS
from kongflow.store.statements import load_statements
from tests.postgres import Server
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio

MIGRATE = """
import asyncio, sys
from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store

async def main():
    store = open_store(DatabaseSettings(sys.argv[1]))
    await store.open()
    status = await store.migrate()
    await store.check_name("same")
    await store.close()
    print(status.current)

asyncio.run(main())
"""


@pytest.fixture
def empty(server: Server) -> Iterator[str]:
    """The URL of a database without our tables."""
    name = server.create()
    yield server.url(name)
    server.drop(name)


async def opened(settings: DatabaseSettings) -> Store:
    store = open_store(settings)
    await store.open()
    return store


async def test_an_empty_database_has_no_revision_and_is_not_to_be_worked_with(empty: str) -> None:
    store = await opened(DatabaseSettings(empty))
    assert await store.schema_status() == SchemaStatus(None, REVISIONS[-1], compatible=False)
    with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
        await store.insert([new()])
    for _ in range(2):
        assert (await store.migrate()).up_to_date
    assert (await store.insert([new()]))[0].id == "1"
    await store.close()


def test_processes_that_start_at_once_migrate_once(empty: str) -> None:
    command = [sys.executable, "-c", MIGRATE, empty]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    results = [process.communicate(timeout=240) for process in processes]
    assert results == [(f"{REVISIONS[-1]}\n", "")] * 4


@pytest.mark.parametrize(("oldest", "works"), [(kongflow.__version__, True), ("99.0.0", False), ("unknown", False)])
async def test_tables_of_a_newer_release_say_who_may_work_with_them(stage: Stage, oldest: str, works: bool) -> None:
    await stage.sql("update kongflow.version set version_num = '0999'")
    await stage.sql("update kongflow.meta set value = :oldest where name = 'oldest_release'", oldest=oldest)
    status = await stage.store.schema_status()
    assert (status.compatible, status.up_to_date) == (works, False)
    if works:
        assert await stage.store.migrate() == status
        return
    with pytest.raises(SchemaOutOfDate, match=f"need KongFlow {oldest} or newer"):
        await stage.store.migrate()


async def test_two_deployments_share_a_database_by_their_schemas(database: DatabaseSettings) -> None:
    first, second = await opened(database), await opened(replace(database, schema="abort"))  # a keyword
    await second.migrate()
    await first.check_name("one")
    await second.check_name("two")
    with pytest.raises(WrongName, match=r"(?s)of the schema kongflow.*'one'.*database\.schema"):
        await first.check_name("two")
    await first.insert([new(), new()])
    assert await second.get("1") is None
    assert (await second.insert([new()]))[0].id == "1"
    async with first.transaction() as connection:
        for store in (first, second):
            (job,) = await connection.run_sync(lambda sync, store=store: store.insert_in(sync, [new()]))
            assert job.created
    for store in (first, second):
        await store.close()


def test_nothing_of_ours_lies_outside_of_our_schema(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url) as connection:
        for catalog, column in (("pg_class", "relnamespace"), ("pg_proc", "pronamespace"), ("pg_type", "typnamespace")):
            query = sql.SQL("select count(*) from {} where {} = 'public'::regnamespace")
            (count,) = connection.execute(query.format(*map(sql.Identifier, (catalog, column)))).fetchone() or (None,)
            assert count == 0


PRODUCER = {"add_jobs", "await_outcome", "deployment", "dequeue", "enqueue", "get"}
"""The functions that a user may execute who has no right to any table."""
KEEPER = {"prune", "make_partition", "drop_partition"}
"""Those that a runner may execute who has no right to any DDL."""


def test_a_function_with_its_owners_rights_has_a_search_path_that_nobody_can_change(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url) as connection:
        query = "select proname, proconfig from pg_proc where pronamespace = 'kongflow'::regnamespace and prosecdef"
        found = dict(connection.execute(query).fetchall())
    assert set(found) == PRODUCER | KEEPER
    assert all("search_path=pg_catalog, pg_temp" in settings for settings in found.values())


def test_nobody_may_execute_a_function_who_was_not_granted_it(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url) as connection:
        query = (
            "select proname from pg_proc where pronamespace = 'kongflow'::regnamespace "
            "and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0))"
        )
        assert connection.execute(query).fetchall() == []


def test_no_statement_needs_our_schema_on_the_search_path(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("set search_path = ''")
        for function in ("prune(1, now(), '0')", "make_partition('0')", "drop_partition(now(), '0')"):
            connection.execute(sql.SQL(f"select kongflow.{function}"))
        connection.execute("select * from kongflow.claim(1, 1, 1, true, null, '0')")


def test_each_function_has_a_file_of_its_name_and_is_called(database: DatabaseSettings) -> None:
    package = "kongflow.store.postgres"
    functions = load_statements(package, str, "functions")
    statements = load_statements(package, str)
    with psycopg.connect(database.url) as connection:
        query = "select proname from pg_proc where pronamespace = 'kongflow'::regnamespace order by proname"
        installed = [name for (name,) in connection.execute(query).fetchall()]
    assert installed == sorted(functions)
    texts = [
        re.sub(r"--.*|create or replace function \S+", "", text) for text in (*functions.values(), *statements.values())
    ]
    uncalled = {name for name in functions if not any(f"kongflow.{name}(" in text for text in texts)}
    assert uncalled == {"value_at", "enqueue"}  # the portable queries of `filtering` call one, users the other


def test_each_statement_is_used() -> None:
    folder = Path(kongflow.__file__).parent / "store" / "postgres"
    code = "".join(file.read_text() for file in folder.glob("*.py"))
    statements = load_statements("kongflow.store.postgres", str)
    assert [name for name in statements if f'"{name}"' not in code] == []

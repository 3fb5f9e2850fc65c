"""Migrations, the version table, and whose tables they are."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

import kongflow
from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import InvalidOption, SchemaOutOfDate, WrongName
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import SchemaStatus
from kongflow.store.releases import REVISIONS
from kongflow.store.sqlite.tables import tables_of
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


async def opened(url: str) -> Store:
    store = open_store(DatabaseSettings(url))
    await store.open()
    return store


def make_it_newer(url: str, oldest_release: str) -> None:
    """What a migration of a later release leaves behind."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0])
    with connection:
        connection.execute("update kongflow_version set version_num = '0999'")
        connection.execute("update kongflow_meta set value = ? where name = 'oldest_release'", (oldest_release,))
    connection.close()


async def test_an_empty_file_has_no_revision_and_is_not_to_be_worked_with(tmp_path: Path) -> None:
    store = await opened(f"sqlite:///{tmp_path}/new.db")
    assert await store.schema_status() == SchemaStatus(None, REVISIONS[-1], compatible=False)
    with pytest.raises(SchemaOutOfDate, match="kongflow db upgrade"):
        await store.insert([new()])
    await store.close()


async def test_migrating_brings_the_tables_to_the_head_and_again_does_nothing(tmp_path: Path) -> None:
    store = await opened(f"sqlite:///{tmp_path}/new.db")
    for _ in range(2):
        assert await store.migrate() == SchemaStatus(
            REVISIONS[-1], REVISIONS[-1], compatible=True, oldest_release="0.1.0"
        )
    assert len(await store.insert([new()])) == 1
    await store.close()


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, f"sqlite:///{tmp_path}/new.db"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    results = [process.communicate(timeout=240) for process in processes]
    assert results == [(f"{REVISIONS[-1]}\n", "")] * 4


async def test_tables_of_a_newer_release_that_still_work_are_worked_with(database: DatabaseSettings) -> None:
    make_it_newer(database.url, kongflow.__version__)
    store = await opened(database.url)
    status = await store.schema_status()
    assert (status.current, status.compatible, status.up_to_date) == ("0999", True, False)
    assert await store.migrate() == status
    assert len(await store.insert([new()])) == 1
    await store.close()


@pytest.mark.parametrize("oldest", ["99.0.0", "0.1.1", "1.0.0rc1", "unknown"])
async def test_tables_of_a_newer_release_that_do_not_work_any_more_are_refused(
    database: DatabaseSettings, oldest: str
) -> None:
    make_it_newer(database.url, oldest)
    store = await opened(database.url)
    assert not (await store.schema_status()).compatible
    with pytest.raises(SchemaOutOfDate, match=f"need KongFlow {oldest} or newer"):
        await store.migrate()
    await store.close()


def test_the_revisions_are_those_of_the_folder() -> None:
    folder = Path(kongflow.__file__).parent / "store" / "migrations"
    revisions = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert tuple(reversed(revisions)) == REVISIONS


async def test_the_tables_are_those_that_queries_know(database: DatabaseSettings) -> None:
    engine = create_engine(database.url.partition("?")[0])
    tables = tables_of("kongflow")
    for table in (tables.job, tables.history, tables.runner):
        columns = {column["name"] for column in inspect(engine).get_columns(table.name)}
        assert {column.name for column in table.columns} <= columns
    engine.dispose()


async def test_two_deployments_share_a_file_by_their_prefix(database: DatabaseSettings) -> None:
    first = await opened(database.url)
    second = open_store(replace(database, schema="other"))
    await second.open()
    await second.migrate()
    await first.check_name("one")
    await second.check_name("two")
    await first.insert([new(), new()])
    assert await second.get("1") is None
    assert (await second.insert([new()]))[0].id == "1"
    for store in (first, second):
        await store.close()


async def test_tables_belong_to_one_name(stage: Stage) -> None:
    await stage.store.check_name("shop")
    await stage.store.check_name("shop")
    with pytest.raises(WrongName, match=r"(?s)'shop'.*database\.schema"):
        await stage.store.check_name("blog")


async def test_of_two_names_at_once_one_wins(stage: Stage) -> None:
    other = await stage.another()
    results = await asyncio.gather(stage.store.check_name("a"), other.check_name("b"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "WrongName"]


@pytest.mark.parametrize("schema", ["", "Upper", "1st", "a-b", "x'; drop table--", 'a"b', "a" * 49, "ä", "a\n"])
def test_a_schema_name_that_is_no_plain_word_is_refused(schema: str) -> None:
    with pytest.raises(InvalidOption, match=r"database\.schema"):
        open_store(DatabaseSettings("sqlite:///x.db", schema=schema))

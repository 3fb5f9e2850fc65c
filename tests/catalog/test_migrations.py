"""The application's tables: migrated to what the models say, once however many come, and missed in words."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BLANK_SCHEMA, Connection, MetaData, text

from catalog import PROJECT
from catalog.app.database import begin
from catalog.app.endpoints import load_endpoint
from catalog.app.migrate import VERSION_TABLE, TablesMissing
from catalog.app.models import SCHEMA, Model
from catalog.app.work import transaction
from kongflow import KongFlow
from kongflow.testing import drain, enqueued
from tests.postgres import DIALECTS, Server

pytestmark = pytest.mark.anyio


@pytest.fixture(params=DIALECTS)
def bare(
    request: pytest.FixtureRequest, surroundings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The dialect of a database with KongFlow's tables alone, which is the one of the environment."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "app.db")
        yield request.param
        return
    server: Server = request.getfixturevalue("server")
    name = server.create(template=request.getfixturevalue("migrated_database"))
    monkeypatch.setenv("KONGFLOW_DATABASE_URL", server.url(name))
    yield request.param
    server.drop(name)


on_postgres = pytest.mark.parametrize("bare", ["postgres"], indirect=True)


def without_schema(metadata: MetaData) -> MetaData:
    """The same tables as they are on SQLite."""
    bare = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(bare, schema=None, referred_schema_fn=lambda *_: BLANK_SCHEMA)
    return bare


def differences(connection: Connection) -> list[object]:
    """What Alembic would change so that the tables are what the models say."""
    with_schemas = connection.dialect.name == "postgresql"
    metadata = Model.metadata if with_schemas else without_schema(Model.metadata)

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        if kind == "schema":
            return name == (SCHEMA if with_schemas else None)
        return kind != "table" or not str(name).startswith("kongflow_")

    options = {
        "include_schemas": with_schemas,
        "include_name": is_ours,
        "compare_type": True,
        "compare_server_default": True,
        "version_table": VERSION_TABLE,
        "version_table_schema": SCHEMA if with_schemas else None,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def create() -> None:
    async with begin(tables=True):
        pass


async def test_the_tables_are_those_of_the_models(bare):
    await create()

    async with begin() as session:
        assert await (await session.connection()).run_sync(differences) == []


async def test_a_column_that_no_migration_has_made_would_be_seen(bare):
    await create()
    tables = "app.projects" if bare == "postgres" else "projects"
    async with begin() as session:
        await session.execute(text(f"alter table {tables} drop column name"))

    async with begin() as session:
        (found,) = await (await session.connection()).run_sync(differences)
    assert found[0] == "add_column"


async def test_many_who_create_the_tables_at_once_create_them_once(bare):
    await asyncio.gather(*(create() for _ in range(4)))

    async with begin() as session:
        assert await load_endpoint(session, "ep_none") is None


@on_postgres
async def test_on_postgresql_a_database_without_tables_gets_a_word(bare):
    with pytest.raises(TablesMissing, match=r"not there.*create or migrate them: python -m catalog\.app create-tables"):
        async with begin():
            pass


@on_postgres
async def test_a_task_that_misses_the_tables_says_so_and_succeeds_when_they_are_there(bare):
    async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow:
        await flow.enqueue("purgeOldIndexings")
        await flow.enqueue("deliverEvent", {"id": "evr_1"})

        ends = await drain(flow)

        assert [end.outcome for end in ends] == ["retried", "retried"]
        for job in await enqueued(flow):
            assert "python -m catalog.app create-tables" in job.error.message
        await create()
        flow.store.advance(timedelta(minutes=1).total_seconds())
        assert {end.task: end.reason for end in await drain(flow)} == {
            "purgeOldIndexings": None,
            "deliverEvent": "gave_up",
        }


async def open_a_transaction() -> None:
    async with KongFlow.from_config(PROJECT / "kongflow.yaml") as flow, transaction(flow):
        pass


@on_postgres
async def test_a_process_that_has_seen_the_tables_of_one_database_misses_those_of_another(
    bare: str, server: Server, app_database: str, monkeypatch: pytest.MonkeyPatch
):
    other = server.create(template=app_database)
    with monkeypatch.context() as there:
        there.setenv("KONGFLOW_DATABASE_URL", server.url(other))
        await open_a_transaction()
    server.drop(other)

    with pytest.raises(TablesMissing):
        await open_a_transaction()


@on_postgres
def test_a_command_that_misses_the_tables_says_which_one_creates_them(bare: str):
    def app(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "catalog.app", *arguments]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    assert app("endpoints") == (
        1,
        "error: the application's tables are not there, or are those of another release; "
        "create or migrate them: python -m catalog.app create-tables\n",
    )
    assert app("create-tables") == (0, "the application's tables are there\n")
    assert app("endpoints") == (0, "")

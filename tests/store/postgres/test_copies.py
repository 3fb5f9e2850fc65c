"""A caller's connection to a copy of our tables is one to another database: jobs that go there nobody runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import WrongDatabase
from kongflow.store.base import Store
from kongflow.store.connections import sync_connection
from kongflow.store.open import open_store
from tests.postgres import Server
from tests.store.stage import Stage, new
from tests.storms.cluster import Cluster, clusters

pytestmark = pytest.mark.anyio


def name_of(stage: Stage) -> str:
    return str(conninfo_to_dict(stage.settings.url)["dbname"])


@pytest.fixture(scope="module")
def other_server() -> Iterator[Cluster]:
    with clusters() as (cluster,):
        cluster.create()
        cluster.start()
        yield cluster


@pytest.fixture
async def copy(stage: Stage, other_server: Cluster) -> AsyncIterator[Store]:
    """A dump of the database, restored on another server: it has the name and the number of ours."""
    name = name_of(stage)
    with psycopg.connect(other_server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    store = open_store(DatabaseSettings(other_server.url(name)))
    await store.open()
    await store.migrate()
    number = await stage.sql("select value from kongflow.meta where name = 'identity'")
    with psycopg.connect(other_server.url(name), autocommit=True) as connection:
        connection.execute("update kongflow.meta set value = %s where name = 'identity'", [number])
    yield store
    await store.close()


@pytest.fixture
def poor_owner(stage: Stage, server: Server) -> Iterator[None]:
    """The owner of the tables may not read the server's identifier."""
    role = f"kongflow_owner_{secrets.token_hex(4)}"
    with psycopg.connect(server.url(name_of(stage)), autocommit=True) as connection:
        for statement in (
            "revoke execute on function pg_control_system from public",
            f"create role {role}",
            f"grant usage, create on schema kongflow to {role}",
            f"grant select on all tables in schema kongflow to {role}",
            f"alter function kongflow.deployment owner to {role}",
        ):
            connection.execute(statement.encode())
        yield
        connection.execute(f"drop owned by {role} cascade".encode())
        connection.execute(f"drop role {role}".encode())


async def test_a_copy_that_was_restored_on_another_server_is_another_database(stage: Stage, copy: Store) -> None:
    async with copy.transaction() as connection:
        with pytest.raises(WrongDatabase):
            await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new()]))
    async with stage.store.transaction() as connection:
        assert await connection.run_sync(lambda sync: stage.store.insert_in(sync, [new()]))


async def test_who_may_not_read_the_servers_identifier_goes_without(stage: Stage, poor_owner: None) -> None:
    store = await stage.another()
    async with store.transaction() as connection:
        assert await connection.run_sync(lambda sync: store.insert_in(sync, [new()]))


async def test_tables_that_have_moved_are_ours_on_the_connections_that_find_them_there(stage: Stage) -> None:
    """As after a switch to a new major version, in the life of a process that only enqueues."""
    await stage.sql("update kongflow.meta set value = gen_random_uuid()::text where name = 'identity'")
    with psycopg.connect(stage.settings.url) as caller:
        assert stage.store.insert_in(sync_connection(caller), [new()])

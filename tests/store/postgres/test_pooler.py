"""`database.pooler: transaction`: nothing is left to a session, for the next transaction gets another one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from kongflow.core.catalog import DatabaseSettings
from kongflow.errors import StoreUnavailable
from kongflow.store.open import open_store
from tests.line import Line, line_to
from tests.postgres import Server
from tests.store.postgres.day import work_a_day
from tests.store.stage import POLL, Stage, new

pytestmark = pytest.mark.anyio

OF_A_SESSION = re.compile(
    r"\b(listen|unlisten|notify|pg_notify|prepare|deallocate|declare|temp|temporary|pg_advisory_(?!xact)\w+)\b"
    r"|\b(set|reset)\s+(?!local\b)(?=session|timezone|statement_timeout|lock_timeout|default_transaction)",
    re.IGNORECASE,
)
"""What a session would keep beyond a transaction, or do between two."""


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    """What forgets everything about a session at the end of each transaction."""
    with line_to(server.dsn, forgets=True) as line:
        yield line


@pytest.fixture
def pooled(database: DatabaseSettings, line: Line) -> DatabaseSettings:
    name = database.url.rpartition("/kongflow_test")[2].partition("?")[0]
    return replace(database, url=line.url(f"kongflow_test{name}"), pooler="transaction")


@pytest.fixture
async def behind(pooled: DatabaseSettings) -> AsyncIterator[Stage]:
    store = open_store(pooled, POLL)
    await store.open()
    stage = Stage(pooled, store)
    yield stage
    for each in (*stage.others, store):
        await each.close()


async def test_behind_a_pooler_everything_works_and_nothing_is_left_to_a_session(behind: Stage, line: Line) -> None:
    await behind.store.listen(lambda: None)
    await work_a_day(behind)

    asked = {name for call in line.calls for name in call.startup}
    assert asked <= {"user", "database", "application_name", "client_encoding"}
    sent = [statement for call in line.calls for statement in call.statements]
    assert len(sent) > 100
    assert {name for name, _ in sent} == {""}, "nothing is prepared"
    assert [statement for _, statement in sent if OF_A_SESSION.search(statement)] == []


async def test_tables_are_made_behind_a_pooler(server: Server, line: Line) -> None:
    name = server.create()
    store = open_store(DatabaseSettings(line.url(name), pooler="transaction"))
    await store.open()
    assert (await store.migrate()).up_to_date
    assert (await store.insert([new()]))[0].created
    await store.close()
    server.drop(name)
    sent = [statement for call in line.calls for _, statement in call.statements]
    assert any("pg_advisory_xact_lock" in statement for statement in sent)
    # `lock_timeout` and `search_path` of a function are set by its definition, for its own run.
    assert [each for each in sent if OF_A_SESSION.search(each) and "create or replace function" not in each] == []


async def test_each_transaction_brings_its_isolation_and_its_limits(
    behind: Stage, pooled: DatabaseSettings, server: Server
) -> None:
    name = pooled.url.partition("?")[0].rpartition("/")[2]
    server.execute(
        sql.SQL("alter database {} set default_transaction_isolation = serializable").format(sql.Identifier(name))
    )
    fresh = await behind.another()
    shown = b"select current_setting('transaction_isolation'), current_setting('statement_timeout')"
    connections = fresh._access._connections  # type: ignore[attr-defined]
    for patience, limit in ((None, "8s"), (20.0, "16s")):
        rows, _ = await connections.run(shown, {}, patience)
        assert rows == [("read committed", limit)]
    async with fresh.transaction() as connection:
        result = await connection.exec_driver_sql("show transaction_isolation")
        assert result.scalar() == "read committed"
    await behind.add()


async def test_a_statement_that_fails_behind_a_pooler_leaves_a_usable_connection(behind: Stage, line: Line) -> None:
    connections = behind.store._access._connections  # type: ignore[attr-defined]
    before = len(line.calls)
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await connections.run(b"select 1 / %(n)s", {"n": 0})
    assert (await behind.add()).created
    assert len(line.calls) == before


async def test_a_session_that_lost_its_settings_is_noticed_when_the_store_opens(
    server: Server, database: DatabaseSettings
) -> None:
    name = database.url.partition("?")[0].rpartition("/")[2]
    with line_to(server.dsn, drops_options=True) as line:
        store = open_store(replace(database, url=line.url(name)))
        with pytest.raises(StoreUnavailable, match=r"database\.pooler: transaction"):
            await store.open()
        await store.close()

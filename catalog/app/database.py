"""The application's way to its tables: the database of kongflow.yaml, through connections of its own.

Tasks write through `job.transaction()`, so that their rows and the end of the job are one commit; what they read
before a long call, and what the commands write, goes through here.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import URL, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from catalog import PROJECT
from catalog.app.migrate import need_tables
from catalog.app.models import Model

DEFAULT_URL = "sqlite:///kongflow.db"
"""As in kongflow.yaml."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another writer of a SQLite file; as long as KongFlow itself waits."""

IDLE_TIMEOUT = "30s"
"""How long PostgreSQL keeps a transaction whose process says nothing: one that is frozen holds the rows of a run and of
its queue, which its runner's lease does not free. As KongFlow's own transactions.
"""

LOCK_TIMEOUT = "45s"
"""How long a statement waits for a row of another transaction, on PostgreSQL: until one that is frozen has ended, and
within the time limits of the tasks.
"""

_SETTINGS = text(
    "select set_config('lock_timeout', :lock, true), set_config('idle_in_transaction_session_timeout', :idle, true),"
    # Near the year 10000 an instant in the server's own zone may be none that Python has.
    " set_config('timezone', 'UTC', true)"
)


class DatabaseUnavailable(Exception):
    """The database cannot be reached; the text says why."""


def database_url(env: Mapping[str, str]) -> URL:
    """Return where the tables are, as an async URL: KONGFLOW_DATABASE_URL, a relative file counted from the project.

    Raises: DatabaseUnavailable.
    """
    url = make_url(env.get("KONGFLOW_DATABASE_URL") or DEFAULT_URL)
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise DatabaseUnavailable(f"{url.get_backend_name()!r} is neither sqlite nor postgresql")
    file = url.database or ""
    # Options of the query are for KongFlow's own connections.
    return URL.create("sqlite+aiosqlite", database=file if file == ":memory:" else str(PROJECT / file))


@asynccontextmanager
async def begin(*, tables: bool = False) -> AsyncIterator[AsyncSession]:
    """Open a transaction, committed at the end. On SQLite it is the only one that writes, and the tables are created
    or migrated where they must be; elsewhere only with `tables`. Raises: DatabaseUnavailable; TablesMissing;
    SQLAlchemyError.
    """
    url = database_url(os.environ)
    if url.get_backend_name() == "sqlite":
        _try_to_open(str(url.database))
    async with _engine(url).begin() as connection, session_on(connection, tables=tables) as session:
        yield session


@asynccontextmanager
async def look() -> AsyncIterator[AsyncSession]:
    """Open a transaction that only reads. On SQLite it waits for nobody who writes, and nobody waits for it. Raises: as
    `begin`.
    """
    async with _engine(database_url(os.environ), reads=True).connect() as connection, session_on(connection) as session:
        yield session


@asynccontextmanager
async def session_on(
    connection: AsyncConnection, *, tables: bool = False, lock_timeout: str | None = None
) -> AsyncIterator[AsyncSession]:
    """Give a session in somebody's transaction, who commits it; it is flushed at the end. On PostgreSQL the transaction
    waits for nobody without end, and nobody for it. Raises: as `begin`.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_SETTINGS, {"lock": lock_timeout or LOCK_TIMEOUT, "idle": IDLE_TIMEOUT})
    await need_tables(connection, migrate=tables)
    async with AsyncSession(connection, expire_on_commit=False, join_transaction_mode="rollback_only") as session:
        yield session
        await session.flush()


async def put(session: AsyncSession, model: type[Model], key: Mapping[str, object], **values: object) -> str:
    """Update the row of this unique key, or add it, in one statement; return its id. An object of the session that
    shows the row keeps what it knew.
    """
    table, statement = _insert(session, model, {**key, **values})
    changed = statement.on_conflict_do_update(index_elements=list(key), set_=values or key)
    return str((await session.execute(changed.returning(table.c.id))).scalar_one())


async def put_all(
    session: AsyncSession, model: type[Model], key: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> None:
    """Update the rows of these unique keys, or add them, all in one go."""
    if rows:
        _, statement = _insert(session, model)
        others = {name: statement.excluded[name] for name in rows[0] if name not in key}
        await session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=others), list(rows))


async def add_once(session: AsyncSession, model: type[Model], key: Mapping[str, object], **values: object) -> bool:
    """Add the row of this unique key where there is none; say whether it was added. Of two transactions that add it at
    once, the second waits for the first and finds its row.
    """
    table, statement = _insert(session, model, {**key, **values})
    added = statement.on_conflict_do_nothing(index_elements=list(key))
    return (await session.execute(added.returning(table.c.id))).scalar_one_or_none() is not None


def _insert(session: AsyncSession, model: type[Model], values: Mapping[str, object] | None = None) -> tuple[Table, Any]:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    table = cast("Table", model.__table__)
    return table, insert(table) if values is None else insert(table).values(**values)


@lru_cache(maxsize=8)
def _engine(url: URL, *, reads: bool = False) -> AsyncEngine:
    """Return an engine that keeps no connection, and so belongs to no event loop. With `reads` it takes no lock."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT}, hide_parameters=True)
    # sqlite3 begins before a write only, and deferred: what was read before it would not hold. As SQLAlchemy advises:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
    event.listen(engine.sync_engine, "connect", _leave_transactions_alone)
    event.listen(engine.sync_engine, "begin", _begin if reads else _begin_immediate)
    return engine


def _leave_transactions_alone(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("begin")


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("begin immediate")


def _try_to_open(file: str) -> None:
    """Say in words why a file cannot be a database, before a thread of aiosqlite says it in a traceback of its own."""
    try:
        sqlite3.connect(file).close()
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"the database file {file} cannot be opened: {error}") from None

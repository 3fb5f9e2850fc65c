"""The application's way to its tables: the database of kongflow.yaml, through connections of its own.

Tasks write through `job.transaction()`, so that their rows and the end of the job are one commit; what they read
before a long call, and what the commands below write, goes through here.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

from sqlalchemy import URL, Connection, Table, inspect, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from catalog import PROJECT
from catalog.app.models import Model

DEFAULT_URL = "sqlite:///kongflow.db"
"""As in kongflow.yaml."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another writer of a SQLite file; as long as KongFlow itself waits."""


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
async def begin(*, tables: bool = False) -> AsyncIterator[AsyncConnection]:
    """Open a transaction, committed at the end. On SQLite the tables are created where they are missing; elsewhere
    only with `tables`. Raises: DatabaseUnavailable; SQLAlchemyError.
    """
    url = database_url(os.environ)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _try_to_open(str(url.database))
    engine = create_async_engine(
        url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT} if is_sqlite else {}, hide_parameters=True
    )
    try:
        async with engine.begin() as connection:
            if is_sqlite or tables:
                await connection.run_sync(create_tables)
            yield connection
    finally:
        await engine.dispose()


def _try_to_open(file: str) -> None:
    """Say in words why a file cannot be a database, before a thread of aiosqlite says it in a traceback of its own."""
    try:
        sqlite3.connect(file).close()
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"the database file {file} cannot be opened: {error}") from None


def create_tables(connection: Connection) -> None:
    """Create the tables that are missing; two processes may do so at once."""
    existing = set(inspect(connection).get_table_names())
    for table in Model.metadata.sorted_tables:
        if table.name not in existing:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))


async def put(connection: AsyncConnection, model: type[Model], key: Mapping[str, object], **values: object) -> str:
    """Update the row of this unique key, or add it, in one statement; return its id."""
    table = cast("Table", model.__table__)
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values)
    return str((await connection.execute(statement.returning(table.c.id))).scalar_one())

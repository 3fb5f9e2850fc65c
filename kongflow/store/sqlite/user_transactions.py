"""Transactions on our file for a user's writes, async and sync: the lock is taken at the beginning, never half way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from kongflow.errors import StoreBusy, WrongDatabase
from kongflow.store.connections import CallersConnection, dialect_of
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.faults import explain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class UserTransactions:
    """Two engines on one file, made when they are first used."""

    def __init__(self, address: Address, pool_size: int) -> None:
        self._address = address
        self._options: dict[str, Any] = {
            "connect_args": {"timeout": address.busy_timeout},
            "pool_size": pool_size,
            "hide_parameters": True,  # an error shows the statement, and never what somebody wrote with it
        }
        self._async_engine: AsyncEngine | None = None
        self._sync_engine: Engine | None = None
        self._open_in: set[asyncio.Task[Any] | None] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction. Raises: StoreBusy, StoreUnavailable."""
        if self._async_engine is None:
            from sqlalchemy.ext.asyncio import create_async_engine  # see store/base.py

            url = URL.create("sqlite+aiosqlite", database=str(self._address.path))
            self._async_engine = create_async_engine(url, **self._options)
            self._prepare(self._async_engine.sync_engine)
        try:
            connection = await self._async_engine.connect()
        except DBAPIError as error:
            raise explain(error, self._address.path) or error from error
        task = asyncio.current_task()
        try:
            await self._in_words(connection.begin())
            self._open_in.add(task)
            yield connection
            await self._in_words(connection.commit())
        finally:
            self._open_in.discard(task)
            await connection.close()

    @contextmanager
    def open_sync(self) -> Iterator[Connection]:
        """Open a transaction in this thread. Raises: StoreBusy, StoreUnavailable."""
        if self._sync_engine is None:
            url = URL.create("sqlite+pysqlite", database=str(self._address.path))
            self._sync_engine = create_engine(url, **self._options)
            self._prepare(self._sync_engine)
        with self.explained():
            connection = self._sync_engine.connect()
        try:
            with self.explained():
                connection.begin()
            yield connection
            with self.explained():
                connection.commit()
        finally:
            connection.close()

    async def close(self) -> None:
        """Close every connection that is not in use."""
        if self._async_engine is not None:
            await self._async_engine.dispose()
        if self._sync_engine is not None:
            self._sync_engine.dispose()

    def refuse_to_wait_for_itself(self) -> None:
        """Raises: StoreBusy where this very task has a transaction open: its write would wait for its own lock."""
        if asyncio.current_task() in self._open_in:
            raise StoreBusy(
                f"this task has a transaction open on {self._address.path}, and SQLite has one lock for a file: "
                "pass the transaction as connection=, or do it before or after"
            )

    def checked(self, connection: CallersConnection) -> Connection:
        """Return a caller's connection, if it is on our file. Raises: WrongDatabase."""
        if not isinstance(connection, Connection) or connection.dialect.name != "sqlite":
            raise WrongDatabase(
                f"connection= is a {dialect_of(connection)} connection; the jobs are kept in {self._address.path}"
            )
        row = next((row for row in connection.exec_driver_sql("pragma database_list") if row[1] == "main"), None)
        file = row[2] if row else ""
        if not file or not self._address.is_file(file):
            raise WrongDatabase(
                f"connection= is on {file or 'a database in memory'}; the jobs are kept in {self._address.path}. "
                "Jobs and other writes commit together only in one database"
            )
        return connection

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except DBAPIError as error:
            raise explain(error, self._address.path) or error from error

    def _prepare(self, engine: Engine) -> None:
        event.listen(engine, "connect", self._configure)
        event.listen(engine, "begin", _begin_immediate)

    def _configure(self, connection: Any, _: object) -> None:
        connection.isolation_level = None  # ours is the BEGIN, not Python's
        cursor = connection.cursor()
        cursor.execute(f"pragma synchronous = {self._address.synchronous}")
        cursor.close()

    async def _in_words(self, step: Any) -> None:
        with self.explained():
            await step


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")

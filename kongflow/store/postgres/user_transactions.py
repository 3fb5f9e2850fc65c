"""Transactions on our database for a user's writes, async and sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Literal

import psycopg
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from kongflow.errors import StoreBusy, WrongDatabase
from kongflow.store.postgres.address import STYLE, Address
from kongflow.store.postgres.faults import explain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_STYLED = f"set local datestyle = {STYLE}"
_ISOLATION: Literal["READ COMMITTED"] = "READ COMMITTED"
"""Whatever the database gives to others: the end of a job must see who asked for its cancel meanwhile."""

TIME_FOR_A_FREE_ONE = 30.0
"""Seconds that a transaction waits for a connection while all are in use; SQLAlchemy's own default."""


class UserTransactions:
    """Two engines on one database, made when they are first used."""

    def __init__(self, address: Address, schema: str, pool_size: int) -> None:
        self._address = address
        self._schema = schema
        self._pool_size = pool_size
        self._async_engine: AsyncEngine | None = None
        self._sync_engine: Engine | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; committed at the end, rolled back on an exception. Raises: StoreUnavailable."""
        if self._async_engine is None:
            from sqlalchemy.ext.asyncio import create_async_engine  # see store/base.py

            self._async_engine = create_async_engine(
                "postgresql+psycopg://",
                async_creator=lambda: psycopg.AsyncConnection.connect(
                    self._address.users, prepare_threshold=self._address.prepare_threshold
                ),
                isolation_level=_ISOLATION,
                pool_size=self._pool_size,
                max_overflow=0,
                pool_timeout=TIME_FOR_A_FREE_ONE,
                pool_pre_ping=True,
                hide_parameters=True,  # an error shows the statement, and never what somebody wrote with it
            )
            event.listen(self._async_engine.sync_engine, "handle_error", _give_up_what_can_only_be_read)
        with self._explained():
            connection = await self._async_engine.connect()
        try:
            with self._explained():
                await connection.begin()
                if self._address.pooled:
                    await connection.exec_driver_sql(_STYLED)
            yield connection
            with self._explained():
                await connection.commit()
        finally:
            await connection.close()

    @contextmanager
    def open_sync(self) -> Iterator[Connection]:
        """The same in this thread."""
        if self._sync_engine is None:
            self._sync_engine = create_engine(
                "postgresql+psycopg://",
                creator=lambda: psycopg.connect(self._address.users, prepare_threshold=self._address.prepare_threshold),
                isolation_level=_ISOLATION,
                pool_size=self._pool_size,
                max_overflow=0,
                pool_timeout=TIME_FOR_A_FREE_ONE,
                pool_pre_ping=True,
                hide_parameters=True,  # an error shows the statement, and never what somebody wrote with it
            )
            event.listen(self._sync_engine, "handle_error", _give_up_what_can_only_be_read)
        with self._explained():
            connection = self._sync_engine.connect()
        try:
            with self._explained():
                connection.begin()
                if self._address.pooled:
                    connection.exec_driver_sql(_STYLED)
            yield connection
            with self._explained():
                connection.commit()
        finally:
            connection.close()

    async def close(self) -> None:
        """Close every connection that is not in use."""
        if self._async_engine is not None:
            await self._async_engine.dispose()
        if self._sync_engine is not None:
            self._sync_engine.dispose()

    def refuse_other(self, dialect: str, found: str, ours: str | None) -> None:
        """Raises: WrongDatabase where what was found on a caller's connection is not our database."""
        if dialect != "postgresql":
            raise WrongDatabase(f"connection= is a {dialect} connection; the jobs are kept in {self._address.place}")
        if found != ours:
            raise WrongDatabase(
                f"connection= is on another database, or on another copy of our tables; the jobs are kept in "
                f"{self._address.place}. Jobs and other writes commit together only in one database"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise explain(error, self._address.place, self._schema) or error from error
        except NoneFree as error:
            raise StoreBusy(
                f"all {self._pool_size} connections for transactions on {self._address.place} have been in use for "
                f"{TIME_FOR_A_FREE_ONE:.0f} s: end them sooner, or raise database.pool_size"
            ) from error


def _give_up_what_can_only_be_read(context: ExceptionContext) -> None:
    """A connection stays with its server; one that is opened anew may find who takes writes by now."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True

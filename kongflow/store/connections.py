"""Connections: what a caller gives as `connection=` becomes what a store runs its statements on, in his transaction.

An object of SQLAlchemy becomes its plain Connection, whatever the driver below it; a psycopg connection, sync or async,
becomes a DirectConnection. Nothing here opens, commits or closes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from kongflow.errors import InvalidOption
from kongflow.store.rows import Row

if TYPE_CHECKING:  # a child process whose handlers ask no database starts without it, in half of the time
    from sqlalchemy.engine import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class DirectConnection:
    """A caller's psycopg connection. `rows` runs one statement on it, with parameters `%(name)s`."""

    psycopg: Any
    rows: Callable[[bytes, Mapping[str, object]], list[Row]]


CallersConnection: TypeAlias = "Connection | DirectConnection"
"""What the stores take."""


async def run_in(connection: object, fn: Callable[[CallersConnection], T]) -> T:
    """Call `fn` with what a store takes, inside the transaction of a Session, AsyncSession, Connection or
    AsyncConnection of SQLAlchemy, or of a psycopg Connection or AsyncConnection; all in this task, so that no other
    thread touches it. Raises: InvalidOption for anything else.
    """
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session

    if isinstance(connection, async_scoped_session):
        connection = connection()
    if isinstance(connection, AsyncSession):
        connection = await connection.connection()
    if isinstance(connection, AsyncConnection):
        return await connection.run_sync(fn)
    plain = _of_sqlalchemy(connection)
    if plain is None:
        direct = _async_direct(connection)
        if direct is not None:
            from sqlalchemy.util import greenlet_spawn

            return await greenlet_spawn(fn, direct)
    return fn(plain or sync_connection(connection))


def sync_connection(connection: object) -> CallersConnection:
    """Return what a store takes for a Session or Connection of SQLAlchemy or a psycopg Connection, for callers without
    a loop. Raises: InvalidOption.
    """
    usable = _of_sqlalchemy(connection) or _direct(connection)
    if usable is None:
        raise InvalidOption(
            "connection= must be an SQLAlchemy Session, AsyncSession, Connection or AsyncConnection, or a psycopg "
            "Connection or AsyncConnection (SyncKongFlow and plain handlers take those that are not async), not "
            f"{type(connection).__module__}.{type(connection).__qualname__}"
        )
    return usable


def dialect_of(connection: CallersConnection) -> str:
    """Return `postgresql`, `sqlite` or whatever else the connection speaks."""
    return "postgresql" if isinstance(connection, DirectConnection) else connection.dialect.name


def _of_sqlalchemy(connection: object) -> Connection | None:
    from sqlalchemy.engine import Connection
    from sqlalchemy.orm import Session, scoped_session

    if isinstance(connection, scoped_session):
        connection = connection()
    if isinstance(connection, Session):
        return connection.connection()
    return connection if isinstance(connection, Connection) else None


# psycopg and SQLAlchemy's ORM are imported where a caller's object may be theirs: who uses SQLite alone never loads the
# one, and no command the other. Cursors are made with
# their own class and rows, whatever the connection's factories are, and read instants in binary, whatever the session's
# style of writing them is.


def _direct(connection: object) -> DirectConnection | None:
    import psycopg
    from psycopg.rows import tuple_row

    if not isinstance(connection, psycopg.Connection):
        return None

    def rows(statement: bytes, values: Mapping[str, object]) -> list[Row]:
        with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
            return list(cursor.execute(statement, values, binary=True).fetchall())

    return DirectConnection(connection, rows)


def _async_direct(connection: object) -> DirectConnection | None:
    import psycopg
    from psycopg.rows import tuple_row
    from sqlalchemy.util import await_only

    if not isinstance(connection, psycopg.AsyncConnection):
        return None

    async def rows(statement: bytes, values: Mapping[str, object]) -> list[Row]:
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement, values, binary=True)
            return list(await cursor.fetchall())

    return DirectConnection(connection, lambda statement, values: await_only(rows(statement, values)))

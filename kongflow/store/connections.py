"""Connections: a caller's SQLAlchemy object, sync or async, becomes the sync connection that statements run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from kongflow.errors import InvalidOption

T = TypeVar("T")


async def run_in(connection: object, fn: Callable[[Connection], T]) -> T:
    """Call `fn` with the connection, and inside the transaction, of a Session, AsyncSession, Connection or
    AsyncConnection. Raises: InvalidOption for anything else.
    """
    if isinstance(connection, AsyncSession):
        connection = await connection.connection()
    if isinstance(connection, AsyncConnection):
        return await connection.run_sync(fn)
    return fn(sync_connection(connection))


def sync_connection(connection: object) -> Connection:
    """Return the connection of a Session or Connection, for callers without a loop. Raises: InvalidOption."""
    if isinstance(connection, Session):
        return connection.connection()
    if isinstance(connection, Connection):
        return connection
    raise InvalidOption(
        f"connection= must be an SQLAlchemy Session, AsyncSession, Connection or AsyncConnection, not "
        f"{type(connection).__module__}.{type(connection).__qualname__}"
    )

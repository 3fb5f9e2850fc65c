"""Connections: as many as are needed at once, up to a number; each is opened when it is first needed.

psycopg_pool reconnects in its own time, with pauses that grow to minutes; after an outage a runner has to claim again
within seconds. So a connection is simply opened by the call that needs it, and an idle one that the server has closed
is noticed before it is used.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus

AsyncConnection: TypeAlias = psycopg.AsyncConnection[Any]


class Connections:
    """Autocommit connections for single statements. For one event loop."""

    def __init__(self, conninfo: str, size: int) -> None:
        self._conninfo = conninfo
        self._idle: list[AsyncConnection] = []
        self._free = asyncio.Semaphore(size)
        self._closed = False

    @asynccontextmanager
    async def use(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection. Raises: psycopg.Error where none can be opened."""
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            finally:
                if _is_usable(connection) and not self._closed:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Close what is idle, and the others when their statement has ended."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if _is_alive(connection):
                return connection
            await connection.close()
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)


def _is_usable(connection: AsyncConnection) -> bool:
    return not connection.closed and connection.pgconn.transaction_status == TransactionStatus.IDLE


def _is_alive(connection: AsyncConnection) -> bool:
    """Say whether the server has not closed a connection while it was idle; without a round trip.

    Nobody has asked for anything, so what can be read now is the server's farewell.
    """
    if connection.pgconn.status != ConnStatus.OK:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)

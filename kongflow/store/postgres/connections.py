"""Connections: as many as are needed at once, up to a number; each is opened when it is first needed.

psycopg_pool reconnects in its own time, with pauses that grow to minutes; after an outage a runner has to claim again
within seconds. So a connection is simply opened by the call that needs it, and an idle one that the server has closed
is noticed before it is used.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus

from kongflow.store.postgres.address import LOCK_TIMEOUT, Address
from kongflow.store.postgres.patience import PATIENCE, PatientConnection, answering, statement_timeout
from kongflow.store.rows import Row

AsyncConnection: TypeAlias = psycopg.AsyncConnection[Any]

_BEGIN, _COMMIT = b"begin isolation level read committed", b"commit"


class Connections:
    """Autocommit connections for single statements, whose rows come in binary: how a session writes instants is
    anybody's choice. For one event loop.
    """

    def __init__(self, address: Address, size: int) -> None:
        self._address = address
        self._idle: list[AsyncConnection] = []
        self._free = asyncio.Semaphore(size)
        self._closed = False

    async def run(
        self, statement: bytes, values: Mapping[str, object], patience: float | None = None
    ) -> tuple[list[Row], int]:
        """Run a statement in a transaction of its own; return its rows, and how many it changed.

        Raises: psycopg.Error, also where there is no answer within `patience` seconds, PATIENCE where none are given.
        """
        patience = PATIENCE if patience is None else patience
        async with self.use() as connection:
            with answering(connection, patience):
                if self._address.pooled or patience > PATIENCE:
                    frame = _frame(patience, pooled=self._address.pooled)
                    cursor = await _run_framed(connection, frame, statement, values)
                else:
                    cursor = await connection.execute(statement, values, binary=True)
                rows: list[Row] = [] if cursor.description is None else await cursor.fetchall()
                return rows, cursor.rowcount

    @asynccontextmanager
    async def use(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection; one that can only be read is not kept. Raises: psycopg.Error where none can be opened."""
        async with self._free:
            connection = await self._take()
            try:
                yield connection
            except psycopg.errors.ReadOnlySqlTransaction:
                await connection.close()  # it would stay one that can only be read, whoever takes writes by now
                raise
            finally:
                if _is_usable(connection) and not self._closed:
                    self._idle.append(connection)
                else:
                    await connection.close()
                    # What cut this one off has most likely cut off those that have nothing to say.
                    await self._close_idle()

    async def close(self) -> None:
        """Close what is idle, and the others when their statement has ended."""
        self._closed = True
        await self._close_idle()

    async def _take(self) -> AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            await connection.close()
        return await connect(self._address)

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()


async def connect(address: Address) -> AsyncConnection:
    """Open a connection for statements of ours. Raises: psycopg.Error."""
    return await psycopg.AsyncConnection.connect(
        address.ours(statement_timeout(PATIENCE)), autocommit=True, prepare_threshold=address.prepare_threshold
    )


def connect_sync(address: Address, patience: float) -> PatientConnection:
    """Open one for a thread whose statements may take `patience` seconds. Raises: psycopg.Error, OSError."""
    return PatientConnection.connect(
        address.ours(statement_timeout(patience)), autocommit=True, prepare_threshold=address.prepare_threshold
    )


def run_sync(
    connection: PatientConnection, address: Address, statement: bytes, values: Mapping[str, object], patience: float
) -> list[Row]:
    """Run a statement in a transaction of its own and return its rows. Raises: as Connections.run."""
    with connection.answering(patience):
        if not address.pooled:
            return connection.execute(statement, values, binary=True).fetchall()
        with connection.pipeline():
            for setting in _frame(patience, pooled=True):
                connection.execute(setting)
            cursor = connection.execute(statement, values, binary=True)
            connection.execute(_COMMIT)
        return cursor.fetchall()


async def _run_framed(
    connection: AsyncConnection, frame: tuple[bytes, ...], statement: bytes, values: Mapping[str, object]
) -> psycopg.AsyncCursor[Any]:
    """Run a statement in a transaction that begins with `frame`: one round trip all the same."""
    try:
        async with connection.pipeline():
            for setting in frame:
                await connection.execute(setting)
            cursor = await connection.execute(statement, values, binary=True)
            await connection.execute(_COMMIT)
    except psycopg.Error:
        if connection.pgconn.transaction_status == TransactionStatus.INERROR:
            await connection.rollback()
        raise
    return cursor


def _frame(patience: float, *, pooled: bool) -> tuple[bytes, ...]:
    """Return what a transaction begins with: what its session does not say, or says for ordinary statements."""
    if pooled:
        limits = {"statement_timeout": statement_timeout(patience), "lock_timeout": LOCK_TIMEOUT}
        return (_BEGIN, *(f"set local {name} = {limit}".encode() for name, limit in limits.items()))
    ordinary = f"{statement_timeout(PATIENCE) // 1000}s"
    longer = f"select set_config('statement_timeout', '{statement_timeout(patience)}', true)"
    return (_BEGIN, f"{longer} where current_setting('statement_timeout') = '{ordinary}'".encode())


def _is_usable(connection: AsyncConnection) -> bool:
    return not connection.closed and connection.pgconn.transaction_status == TransactionStatus.IDLE


def is_alive(connection: AsyncConnection | PatientConnection) -> bool:
    """Say whether the server has not closed a connection while it was idle; without a round trip.

    Nobody has asked for anything, so what can be read now is the server's farewell.
    """
    if connection.pgconn.status != ConnStatus.OK:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)

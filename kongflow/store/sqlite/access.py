"""Access: the ways into one file: our writer, our reader, and a connection that a user passes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kongflow.errors import NotInitialized
from kongflow.store.connections import CallersConnection
from kongflow.store.releases import no_tables
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.clock import Clock
from kongflow.store.sqlite.faults import explain, forked
from kongflow.store.sqlite.files import FileId, file_id
from kongflow.store.sqlite.lanes import normalise_touched
from kongflow.store.sqlite.roster import Roster, current_roster
from kongflow.store.sqlite.transaction import Transaction
from kongflow.store.sqlite.user_transactions import UserTransactions
from kongflow.store.sqlite.writer import Writer
from kongflow.store.statements import load_statements, with_prefix

T = TypeVar("T")


@cache  # a process may open a deployment often
def _statements_of(schema: str) -> Mapping[str, str]:
    """Return our statements by name."""
    return load_statements("kongflow.store.sqlite", lambda sql: with_prefix(sql, schema))


class Access:
    """One file, opened once. Writes go through one thread and connection, reads through another of each."""

    def __init__(self, address: Address, schema: str, pool_size: int) -> None:
        self.address = address
        self.clock = Clock()
        self.user = UserTransactions(address, pool_size)
        self.writer = Writer(address, on_rollback=self._forget_roster)
        self._statements = _statements_of(schema)
        self._roster: Roster | None = None
        self._reading_roster: Roster | None = None
        self._reader: ThreadPoolExecutor | None = None
        self.file: FileId | None = None
        """The file that was opened."""
        self._pid = 0
        self._connection: Connection | None = None

    async def open(self, *, looking: bool = False) -> None:
        """Connect; for one who only looks without the writer, which a later call brings. Raises: StoreUnavailable,
        StoreBusy; SchemaMissing where one who only looks finds no file.
        """
        address = self.address.looking if looking else self.address
        if not looking:
            await self.writer.start()
        if self._reader is not None:
            return
        if looking and not address.path.exists():
            raise no_tables(f"sqlite:///{address.path}")
        self.file = file_id(address.path)
        engine = create_engine("sqlite://", creator=address.connect, poolclass=NullPool)
        reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kongflow-reads")
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(reader, engine.connect)
        except BaseException:
            reader.shutdown()
            await self.writer.stop()
            raise
        self._reader, self._pid = reader, os.getpid()

    async def close(self) -> None:
        """Let running statements end and disconnect."""
        await self.writer.stop()
        reader, self._reader = self._reader, None
        connection, self._connection = self._connection, None
        if reader is not None and connection is not None and self._pid == os.getpid():
            await asyncio.get_running_loop().run_in_executor(reader, connection.close)
            reader.shutdown()
        await self.user.close()

    def submit(self, work: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Hand a closure to the writer; the future is answered after its commit.

        Queues that it touched are put right in the same transaction. Raises: NotInitialized, StoreUnavailable.
        """

        def whole(connection: sqlite3.Connection) -> T:
            tx = self.begun(connection)
            result = work(tx)
            if tx.touched:
                normalise_touched(tx, self.roster(tx))
            return result

        return self.writer.submit(whole)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a closure in a transaction of the writer. Raises: StoreBusy, StoreUnavailable."""
        self.user.refuse_to_wait_for_itself()
        return await self.submit(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a closure on the reader's connection, beside any writer. Raises: NotInitialized, StoreUnavailable."""
        if self._reader is None:
            raise NotInitialized("the store is not open: call initialize() first")
        if self._pid != os.getpid():
            raise forked(self.address.path)
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, work)

    def in_user_transaction(self, connection: CallersConnection, work: Callable[[Transaction], T]) -> T:
        """Run a closure inside a caller's transaction. Raises: WrongDatabase, StoreBusy, StoreUnavailable."""
        with self.user.explained():
            tx = self.reading(self.user.checked(connection))
            tx.run("begin_write")
            result = work(tx)
            tx.note_touched()
            return result

    def begun(self, connection: sqlite3.Connection) -> Transaction:
        """Return the transaction that has just begun on one of our connections."""
        clock = self.clock
        return Transaction(
            connection.execute, connection.executemany, self._statements, clock.wall(), clock.monotonic(), clock.boot
        )

    def reading(self, connection: Connection) -> Transaction:
        """Return our statements on an SQLAlchemy connection."""
        clock = self.clock
        return Transaction(
            connection.exec_driver_sql,
            connection.exec_driver_sql,
            self._statements,
            clock.wall(),
            clock.monotonic(),
            clock.boot,
        )

    def roster(self, tx: Transaction) -> Roster:
        """Return the roster, in the writer's thread."""
        self._roster = current_roster(tx, self._roster)
        return self._roster

    def reading_roster(self, tx: Transaction) -> Roster:
        """Return the roster, in the reader's thread."""
        self._reading_roster = current_roster(tx, self._reading_roster)
        return self._reading_roster

    def _forget_roster(self) -> None:
        self._roster = None

    def _read(self, work: Callable[[Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise NotInitialized("the store was closed meanwhile")
        try:
            return work(connection)
        except DBAPIError as error:
            raise explain(error, self.address.path) or error from error
        finally:
            connection.rollback()

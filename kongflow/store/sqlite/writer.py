"""Writer: the one thread that owns the one writing connection of a process, with group commit.

Callers hand in closures. Whatever has gathered runs in one BEGIN IMMEDIATE transaction, a savepoint for each, and is
answered only after the COMMIT: one fsync pays for all of them, and nothing is acknowledged before it is on disk.
"""

from __future__ import annotations

import asyncio
import math
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kongflow.errors import NotInitialized
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.faults import busy, explain, forked

T = TypeVar("T")

MOST_IN_ONE_COMMIT = 256
"""Operations: bounds how long one transaction keeps other processes out."""
NOTABLE_WAIT = 0.5
"""Seconds of waiting for the lock after which nobody may be called dead for not having renewed meanwhile."""


@dataclass(slots=True)
class _Operation:
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    deadline: float
    result: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Writer:
    """Runs closures on the writing connection; `start` first, `stop` last. For one event loop at a time."""

    address: Address
    on_rollback: Callable[[], None]
    """Called in the thread when something that closures did was undone: what they remembered may be wrong."""
    held_up: float = 0.0
    """`time.monotonic()` of the end of the last notable wait for the lock."""
    _inbox: queue.SimpleQueue[_Operation | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _pid: int = 0
    _ending: bool = False
    _kept_out_since: float | None = None

    async def start(self) -> None:
        """Open the connection and start the thread. Raises: StoreUnavailable, StoreBusy."""
        if self._thread is not None:
            return
        connection = await asyncio.to_thread(self.address.connect)
        self._pid, self._ending = os.getpid(), False
        self._inbox = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._serve, args=(connection, self._inbox), name="kongflow-store", daemon=True
        )
        self._thread.start()

    async def stop(self) -> None:
        """Finish what was handed in, close the connection and end the thread. Where somebody else has the lock, what
        waits for it is given up: an exit has its time, too.
        """
        thread, self._thread = self._thread, None
        if thread is not None and self._pid == os.getpid():
            self._ending = True
            self._inbox.put(None)
            await asyncio.to_thread(thread.join)

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Hand in a closure; the future is answered after the commit. Raises: NotInitialized, StoreUnavailable."""
        if self._thread is None:
            raise NotInitialized("the store is not open: call initialize() first")
        if self._pid != os.getpid():
            raise forked(self.address.path)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._inbox.put(_Operation(work, future, time.monotonic() + self.address.busy_timeout))
        return future

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _serve(self, connection: sqlite3.Connection, inbox: queue.SimpleQueue[_Operation | None]) -> None:
        waiting: list[_Operation] = []
        last = False
        while not last:
            operation = inbox.get()
            while operation is not None:
                waiting.append(operation)
                if len(waiting) == MOST_IN_ONE_COMMIT or inbox.empty():
                    break
                operation = inbox.get()
            last = operation is None
            while waiting:
                waiting = self._attempt(connection, waiting)
        connection.close()

    def _attempt(self, connection: sqlite3.Connection, waiting: list[_Operation]) -> list[_Operation]:
        """Run `waiting` in one transaction; return those that still wait for the lock."""
        waiting = [operation for operation in waiting if not operation.future.cancelled()]
        if not waiting:
            return []
        try:
            if not self._begin(connection):
                now = math.inf if self._ending else time.monotonic()
                self._answer([operation for operation in waiting if operation.deadline <= now], busy(self.address.path))
                return [operation for operation in waiting if operation.deadline > now]
        except sqlite3.Error as error:
            self._answer(waiting, explain(error, self.address.path) or error)
            return []
        try:
            for operation in waiting:
                self._run(connection, operation, alone=len(waiting) == 1)
            connection.execute("commit")
        except BaseException as error:
            self._roll_back(connection)
            self._answer(waiting, explain(error, self.address.path) or error)
        else:
            self._answer(waiting, None)
        return []

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("rollback")
        except sqlite3.Error:
            pass  # the next BEGIN fails with a reason, and its callers are told
        self.on_rollback()

    def _begin(self, connection: sqlite3.Connection) -> bool:
        """Take the file's one lock; False where somebody else kept it for LOCK_SLICE."""
        started = time.monotonic() if self._kept_out_since is None else self._kept_out_since
        try:
            connection.execute("begin immediate")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self._kept_out_since = started
            return False
        now = time.monotonic()
        self._kept_out_since = None
        if now - started > NOTABLE_WAIT:
            self.held_up = now
        return True

    def _run(self, connection: sqlite3.Connection, operation: _Operation, *, alone: bool) -> None:
        """Run one closure; its own failure undoes only its own writes, a failure of the disk those of all."""
        if operation.future.cancelled():
            return
        if alone:
            operation.result = operation.work(connection)
            return
        connection.execute("savepoint operation")
        try:
            operation.result = operation.work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("rollback to operation")
            self.on_rollback()
            operation.error = explain(error, self.address.path) or error
        connection.execute("release operation")

    def _answer(self, operations: list[_Operation], error: BaseException | None) -> None:
        for loop in {operation.future.get_loop() for operation in operations}:
            mine = [operation for operation in operations if operation.future.get_loop() is loop]
            if error is not None:
                for operation in mine:
                    operation.error = error
            try:
                loop.call_soon_threadsafe(_settle_futures, mine)
            except RuntimeError:
                pass  # that loop was closed: nobody waits for these answers any more


def _settle_futures(operations: list[_Operation]) -> None:
    for operation in operations:
        if operation.future.done():
            continue
        if operation.error is not None:
            operation.future.set_exception(operation.error)
        else:
            operation.future.set_result(operation.result)

"""Calls: what a plain function's job asks of its runner, as plain calls from the thread that the function runs in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kongflow.core.job import Job, JobOptions
from kongflow.core.json import Json
from kongflow.core.task import Task
from kongflow.engine.client import Client
from kongflow.engine.result import result_text
from kongflow.store.base import Store
from kongflow.store.connections import sync_connection
from kongflow.store.records import Settled, Settlement

if TYPE_CHECKING:  # see store/connections.py
    from sqlalchemy.engine import Connection

T = TypeVar("T")


class SyncCalls(Protocol):
    """The runner, as a plain function reaches it; what each call raises is what its async twin raises."""

    def enqueue(self, task: str, payload: Json, options: JobOptions) -> Job:
        """Add a job at once."""
        ...

    def enqueue_in(self, connection: object, task: str, payload: Json, options: JobOptions) -> Job:
        """Add a job inside the transaction of a plain Connection or Session."""
        ...

    def dequeue_in(self, connection: object, key: str) -> Job | None:
        """Cancel the waiting job of a key inside such a transaction."""
        ...

    def progress(self, id: str, lease: int, value: str) -> bool:
        """Keep a running job's progress (JSON text); False where the lease is not his."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """Open a transaction on the store's database, in this thread."""
        ...

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """Write the end of the job inside that transaction."""
        ...

    def result_text(self, value: object, task: Task) -> str:
        """Return the JSON text that is kept of a result. Raises: InvalidResult."""
        ...

    def wake(self) -> None:
        """Tell the runner that something was added."""
        ...


class CallsOnLoop:
    """The calls of a thread in the runner's own process."""

    def __init__(self, client: Client, store: Store, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._client = client
        self._store = store
        self._loop = loop
        self._wake = wake

    def enqueue(self, task: str, payload: Json, options: JobOptions) -> Job:
        """See SyncCalls.enqueue."""
        return self._on_loop(self._client.enqueue(task, payload, options))

    def enqueue_in(self, connection: object, task: str, payload: Json, options: JobOptions) -> Job:
        """See SyncCalls.enqueue_in."""
        return self._client.enqueue_in(sync_connection(connection), task, payload, options)

    def dequeue_in(self, connection: object, key: str) -> Job | None:
        """See SyncCalls.dequeue_in."""
        return self._client.dequeue_in(connection, key)

    def progress(self, id: str, lease: int, value: str) -> bool:
        """See SyncCalls.progress."""
        return self._on_loop(self._store.progress(id, lease, value))

    def transaction(self) -> AbstractContextManager[Connection]:
        """See SyncCalls.transaction."""
        return self._store.sync_transaction()

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """See SyncCalls.settle_in."""
        return self._store.settle_in(connection, settlement)

    def result_text(self, value: object, task: Task) -> str:
        """See SyncCalls.result_text."""
        return result_text(value, task)

    def wake(self) -> None:
        """See SyncCalls.wake."""
        self._wake()

    def _on_loop(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

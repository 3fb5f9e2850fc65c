"""CallsToRunner: the calls of a plain function in a child process. The runner validates, renders and adds; what belongs
to a transaction is written here, on connections that this process has opened itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kongflow.core.catalog import DatabaseSettings
from kongflow.core.job import Job, JobOptions
from kongflow.core.json import Json, dump
from kongflow.core.new_job import check_job_key
from kongflow.core.task import Task
from kongflow.engine.arguments import needed_text
from kongflow.engine.children.channel import Channel
from kongflow.engine.children.wire import Message, Say, job, new_job
from kongflow.engine.result import result_text
from kongflow.store.base import Store
from kongflow.store.connections import sync_connection
from kongflow.store.open import open_store
from kongflow.store.records import Settled, Settlement

if TYPE_CHECKING:  # see store/connections.py
    from sqlalchemy.engine import Connection


class CallsToRunner:
    """See SyncCalls, which says what each call promises."""

    def __init__(self, channel: Channel, config: Message) -> None:
        self._channel = channel
        self._config = config

    def enqueue(self, task: str, payload: Json, options: JobOptions) -> Job:
        """See SyncCalls.enqueue."""
        return job(self._channel.ask("enqueue", task=task, payload=_text(payload), options=options))

    def enqueue_in(self, connection: object, task: str, payload: Json, options: JobOptions) -> Job:
        """See SyncCalls.enqueue_in."""
        caller = sync_connection(connection)
        prepared = new_job(self._channel.ask("prepare", task=task, payload=_text(payload), options=options))
        (added,) = self._store.insert_in(caller, [prepared])
        return added

    def dequeue_in(self, connection: object, key: str) -> Job | None:
        """See SyncCalls.dequeue_in."""
        return self._store.dequeue_in(sync_connection(connection), check_job_key(needed_text("a job key", key)))

    def progress(self, id: str, lease: int, value: str) -> bool:
        """See SyncCalls.progress."""
        kept: bool = self._channel.ask("progress", id=id, lease=lease, value=value)
        return kept

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """See SyncCalls.transaction. The runner hears when the end of the job is in doubt, and when it is written."""
        try:
            with self._store.sync_transaction() as connection:
                yield connection
        except BaseException:
            self._channel.send(Say.COMPLETING, value=False)
            raise
        self._channel.send(Say.COMMITTED)

    def settle_in(self, connection: Connection, settlement: Settlement) -> Settled:
        """See SyncCalls.settle_in."""
        self._channel.send(Say.COMPLETING, value=True)
        return self._store.settle_in(connection, settlement)

    def result_text(self, value: object, task: Task) -> str:
        """See SyncCalls.result_text. The schema of the result is the runner's."""
        text = result_text(value, task)
        self._channel.ask("check_result", task=task.name, text=text)
        return text

    def wake(self) -> None:
        """See SyncCalls.wake."""
        self._channel.ask("wake")

    @cached_property
    def _store(self) -> Store:
        """The store, opened by this process when it is first needed. Raises: StoreUnavailable."""
        store = open_store(DatabaseSettings(**self._config["database"]), self._config["poll_interval"])
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="kongflow-store", daemon=True).start()
        asyncio.run_coroutine_threadsafe(store.open(), loop).result()
        return store


def _text(payload: Any) -> str:
    return dump({} if payload is None else payload)

"""SyncKongFlow: the same names as KongFlow as plain calls, for Flask, Django and scripts.

An event loop of its own runs in one background thread; every call hands its coroutine over and waits for the result.
What joins a caller's transaction runs in the caller's thread, because connections belong to threads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from sqlalchemy.engine import Connection

from kongflow.app import KongFlow, find_catalog
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json
from kongflow.core.new_job import check_job_key
from kongflow.core.schedule import DecidedSlot
from kongflow.engine.arguments import needed_text
from kongflow.engine.client import Addition, EnqueueOptions, additions, job_options
from kongflow.engine.schedules import ScheduleStatus, next_slots
from kongflow.engine.shift import RunSummary
from kongflow.engine.status import Status
from kongflow.errors import NotInitialized
from kongflow.store.connections import sync_connection
from kongflow.store.records import Page, QueueCounts

T = TypeVar("T")


class SyncKongFlow:
    """A job queue on one database, safe to call from several threads.

    >>> with SyncKongFlow.from_config("kongflow.yaml") as flow:
    ...     job = flow.enqueue("greet", {"name": "Ada"})

    A process that forks (gunicorn with preload, multiprocessing) calls `initialize()` in each child, and on SQLite not
    before: a file that was open at the fork is refused in the child.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.schedules = SyncSchedules(catalog, self._running, self._wake)
        self._portal: _Portal | None = None
        self._flow: KongFlow | None = None
        self._foreground: list[KongFlow] = []
        self._changing = threading.Lock()

    @classmethod
    def from_config(cls, path: str | Path | None = None) -> Self:
        """As `KongFlow.from_config`."""
        return cls(find_catalog(path))

    # --- life ---

    def initialize(self, *, looking: bool = False) -> None:
        """As `KongFlow.initialize`; in a forked child it connects anew."""
        with self._changing:
            portal, flow = self._portal, self._flow
            if portal is None or flow is None or not portal.is_ours:
                portal, flow = _Portal(), KongFlow(self.catalog)
            elif looking or flow.may_write:
                return
            try:
                portal.call(flow.initialize(looking=looking))
            except BaseException:
                self._portal = self._flow = None
                portal.close()
                raise
            self._portal, self._flow = portal, flow

    def stop(self) -> None:
        """As `KongFlow.stop`."""
        with self._changing:
            if self._portal is None or self._flow is None:
                return
            portal, flow = self._portal, self._flow
            self._portal = self._flow = None
            for working in tuple(self._foreground):
                working.request_stop()
            if portal.is_ours:
                try:
                    portal.call(flow.stop())
                finally:
                    portal.close()

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # --- adding ---

    def enqueue(
        self, task: str, payload: Json = None, *, connection: object = None, **options: Unpack[EnqueueOptions]
    ) -> Job:
        """As `KongFlow.enqueue`; `connection` is an SQLAlchemy Session or Connection, or a
        psycopg Connection, and is used in this thread."""
        portal, flow = self._writing()
        if connection is None:
            job = portal.call(flow.enqueue(task, payload, **options))
            self._wake()
            return job
        return flow.client.enqueue_in(connection, task, payload, job_options(options))

    def enqueue_many(self, jobs: Iterable[Addition], *, connection: object = None) -> list[Job]:
        """As `KongFlow.enqueue_many`; `connection` as in `enqueue`."""
        portal, flow = self._writing()
        if connection is None:
            added = portal.call(flow.enqueue_many(jobs))
            self._wake()
            return added
        return flow.client.enqueue_many_in(connection, additions(jobs))

    def dequeue(self, key: str, *, connection: object = None) -> Job | None:
        """As `KongFlow.dequeue`; `connection` as in `enqueue`."""
        portal, flow = self._writing()
        if connection is None:
            return portal.call(flow.dequeue(key))
        check_job_key(needed_text("a job key", key))
        return flow.store.dequeue_in(sync_connection(connection), key)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As `KongFlow.transaction`; it lives in this thread."""
        _, flow = self._writing()
        with flow.store.sync_transaction() as connection:
            yield connection
        self._wake(flow)

    # --- looking ---

    def get(self, id: str) -> Job:
        """As `KongFlow.get`."""
        portal, flow = self._running()
        return portal.call(flow.get(id))

    def wait(self, id: str, timeout: float | timedelta | None = None) -> Job:
        """As `KongFlow.wait`."""
        portal, flow = self._running()
        return portal.call(flow.wait(id, timeout))

    def jobs(
        self,
        *,
        states: Iterable[JobState | str] = (),
        task: str | None = None,
        queue: str | None = None,
        key: str | None = None,
        tag: str | None = None,
        since: datetime | timedelta | None = None,
        filter: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """As `KongFlow.jobs`."""
        portal, flow = self._running()
        wanted = flow.jobs(
            states=states,
            task=task,
            queue=queue,
            key=key,
            tag=tag,
            since=since,
            filter=filter,
            limit=limit,
            cursor=cursor,
        )
        return portal.call(wanted)

    def queues(self) -> list[QueueCounts]:
        """As `KongFlow.queues`."""
        portal, flow = self._running()
        return portal.call(flow.queues())

    def status(self) -> Status:
        """As `KongFlow.status`."""
        portal, flow = self._running()
        return portal.call(flow.status())

    # --- operating ---

    def cancel(self, id: str) -> Job:
        """As `KongFlow.cancel`."""
        portal, flow = self._running()
        return portal.call(flow.cancel(id))

    def retry(self, id: str) -> Job:
        """As `KongFlow.retry`."""
        portal, flow = self._running()
        job = portal.call(flow.retry(id))
        self._wake()
        return job

    def run_now(self, id: str) -> Job:
        """As `KongFlow.run_now`."""
        portal, flow = self._running()
        job = portal.call(flow.run_now(id))
        self._wake()
        return job

    def reschedule(self, id: str, run_at: datetime | timedelta) -> Job:
        """As `KongFlow.reschedule`."""
        portal, flow = self._running()
        job = portal.call(flow.reschedule(id, run_at))
        self._wake()
        return job

    def delete(self, id: str) -> None:
        """As `KongFlow.delete`."""
        portal, flow = self._running()
        portal.call(flow.delete(id))

    def pause_queue(self, queue: str, *, reason: str = "", author: str = "") -> None:
        """As `KongFlow.pause_queue`."""
        portal, flow = self._running()
        portal.call(flow.pause_queue(queue, reason=reason, author=author))

    def resume_queue(self, queue: str) -> bool:
        """As `KongFlow.resume_queue`."""
        portal, flow = self._running()
        resumed = portal.call(flow.resume_queue(queue))
        self._wake()
        return resumed

    # --- working ---

    def run(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None, until_idle: bool = False
    ) -> RunSummary:
        """As `KongFlow.run`, in this thread; signals are handled where it is the main one. `stop()` ends it too."""
        self._writing()

        async def work() -> RunSummary:
            async with KongFlow(self.catalog) as flow:
                self._foreground.append(flow)
                try:
                    return await flow.run(queues=queues, concurrency=concurrency, until_idle=until_idle)
                finally:
                    self._foreground.remove(flow)

        return asyncio.run(work())

    @contextmanager
    def running(self, *, queues: Sequence[str] | None = None, concurrency: int | None = None) -> Iterator[Self]:
        """As `KongFlow.running`; the handlers run beside this thread."""
        portal, flow = self._running()
        background = flow.running(queues=queues, concurrency=concurrency)
        portal.call(background.__aenter__())
        try:
            yield self
        finally:
            portal.call(background.__aexit__(None, None, None))

    # --- inside ---

    def _running(self) -> tuple[_Portal, KongFlow]:
        portal, flow = self._portal, self._flow
        if portal is None or flow is None:
            raise NotInitialized("this SyncKongFlow is not connected: call `flow.initialize()` first, or use `with`")
        if not portal.is_ours:
            raise NotInitialized(
                f"this SyncKongFlow was initialized in process {portal.pid} and came here (process {os.getpid()}) by a "
                "fork, which copies neither its thread nor its connections: call `flow.initialize()` in this process"
            )
        return portal, flow

    def _writing(self) -> tuple[_Portal, KongFlow]:
        portal, flow = self._running()
        if not flow.may_write:
            raise NotInitialized(
                "this SyncKongFlow was opened for looking only: call `flow.initialize()` before you write"
            )
        return portal, flow

    def _wake(self, *flows: KongFlow) -> None:
        for flow in (*flows, *self._foreground):
            flow.wake()


class SyncSchedules:
    """The schedules of one SyncKongFlow: the names of `KongFlow.schedules` as plain calls."""

    def __init__(
        self, catalog: Catalog, running: Callable[[], tuple[_Portal, KongFlow]], wake: Callable[[], None]
    ) -> None:
        self._catalog = catalog
        self._running = running
        self._wake = wake

    def list(self) -> tuple[ScheduleStatus, ...]:
        """As `Schedules.list`."""
        portal, flow = self._running()
        return portal.call(flow.schedules.list())

    def next(self, name: str, count: int = 10, after: datetime | None = None) -> tuple[datetime, ...]:
        """As `Schedules.next`."""
        return next_slots(self._catalog, name, count, after)

    def run(self, name: str) -> DecidedSlot:
        """As `Schedules.run`."""
        portal, flow = self._running()
        decided = portal.call(flow.schedules.run(name))
        self._wake()
        return decided

    def pause(self, name: str, *, reason: str = "", author: str = "") -> None:
        """As `Schedules.pause`."""
        portal, flow = self._running()
        portal.call(flow.schedules.pause(name, reason=reason, author=author))

    def resume(self, name: str) -> bool:
        """As `Schedules.resume`."""
        portal, flow = self._running()
        return portal.call(flow.schedules.resume(name))


class _Portal:
    """An event loop in a thread of its own, and the way into it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._closing = False
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="kongflow-portal", daemon=True)
        self._thread.start()

    @property
    def is_ours(self) -> bool:
        """True in the process that started the thread; a fork copies the object without the thread."""
        return self.pid == os.getpid()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and return its result. Ctrl-C in the caller's thread cancels it."""
        if threading.current_thread() is self._thread:
            work.close()
            raise NotInitialized("SyncKongFlow cannot be called from its own event loop; use the job's context there")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            if self._closing:
                raise NotInitialized("this SyncKongFlow was stopped while the call waited") from None
            raise
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what other threads still wait for, and stop the loop and its thread."""
        self._closing = True
        asyncio.run_coroutine_threadsafe(_cancel_others(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

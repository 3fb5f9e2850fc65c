"""KongFlow: the async API, and the one place that wires catalog, store, client and runner together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from kongflow.config.binding import bind
from kongflow.config.load import load_catalog
from kongflow.core.catalog import Catalog
from kongflow.core.duration import format_duration
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json
from kongflow.core.new_job import check_job_key, retried_payload
from kongflow.engine.arguments import (
    earliest,
    filter_terms,
    job_id,
    job_states,
    needed_text,
    page_limit,
    patience,
    remark,
    start,
    text,
    with_overrides,
)
from kongflow.engine.client import Addition, Client, EnqueueOptions, additions, job_options
from kongflow.engine.events import Events, RunnerStarted
from kongflow.engine.line import Line
from kongflow.engine.logs import log_event
from kongflow.engine.opened import Opened
from kongflow.engine.runner import Runner
from kongflow.engine.schedules import Schedules
from kongflow.engine.shift import RunSummary
from kongflow.engine.status import Status, status_of
from kongflow.errors import JobNotFound, WaitTimedOut
from kongflow.store.base import Store
from kongflow.store.connections import run_in
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter, Page, QueueCounts
from kongflow.store.releases import refuse_incompatible

if TYPE_CHECKING:  # it would load the ORM, a fifth of the start of every command
    from sqlalchemy.ext.asyncio import AsyncConnection

# A waiting caller looks often at first, when most jobs end, and once a second later.
_FIRST_LOOK, _LAST_LOOK = 0.02, 1.0


class KongFlow:
    """A job queue on one database, for one event loop.

    Use it as `async with KongFlow.from_config() as flow:`, or call `initialize()` first and `stop()` last.

    >>> async with KongFlow.from_config("kongflow.yaml") as flow:
    ...     job = await flow.enqueue("greet", {"name": "Ada"})
    ...     await flow.run()
    """

    def __init__(self, catalog: Catalog, *, store: Store | None = None) -> None:
        self.catalog = catalog
        self.store = store or open_store(catalog.database, catalog.runner.poll_interval)
        self.client = Client(catalog, self.store, self.wake)
        self._opened = Opened()
        self.schedules = Schedules(catalog, self.store.timetable, self._opened, self.wake)
        self._runners: dict[Runner, asyncio.Task[RunSummary]] = {}
        self._changing = asyncio.Lock()

    @classmethod
    def from_config(cls, path: str | Path | None = None) -> Self:
        """Load a configuration: `path`, else the file that KONGFLOW_CONFIG names, else ./kongflow.yaml.

        Raises: InvalidConfig with every finding; ConfigUnreadable.
        """
        return cls(find_catalog(path))

    # --- life ---

    async def initialize(self, *, looking: bool = False) -> None:
        """Connect, bring the tables up to date, and claim them for this `name`. Calling it again does nothing.

        `looking`: for one who only looks; nothing is written, not even tables or a file. `initialize()` afterwards
        opens it for writing too; where that raises, it is not connected any more.
        Raises: StoreUnavailable; SchemaOutOfDate where `migrate` is manual, or one only looks; WrongName.
        """
        async with self._changing:
            if self._opened.is_enough(looking):
                return
            try:
                await self.store.open(looking=looking)
                await self._check_schema(looking)
                await self.store.check_name(self.catalog.name, claim=not looking)
            except BaseException:
                self._opened.closed()
                await self.store.close()
                raise
            self._opened.opened(looking)

    async def stop(self) -> None:
        """Drain the runners of this process, then disconnect. Calling it again does nothing."""
        async with self._changing:
            while self._runners:
                # Asked again and again: a runner that has not begun does not hear it.
                self.request_stop()
                await asyncio.wait(self._runners.values(), timeout=0.1)
            self._opened.closed()
            await self.store.close()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def may_write(self) -> bool:
        """True where it was not opened for looking only."""
        return self._opened.may_write

    # --- adding ---

    async def enqueue(
        self, task: str, payload: Json = None, *, connection: object = None, **options: Unpack[EnqueueOptions]
    ) -> Job:
        """Add a job and return it; `created` is False where its key updated or returned a waiting one.

        `connection`: an SQLAlchemy Session, AsyncSession, Connection or AsyncConnection of the same database, with any
        driver, or a psycopg Connection or AsyncConnection; the job then exists when its transaction commits.
        Raises: UnknownTask, InvalidPayload, InvalidOption, UnknownQueue, TemplateError, WrongDatabase, StoreBusy;
        TransactionAborted where a statement of the caller's transaction has failed before.
        """
        self._opened.check_may_write()
        return await self.client.enqueue(task, payload, job_options(options), connection)

    async def enqueue_many(self, jobs: Iterable[Addition], *, connection: object = None) -> list[Job]:
        """Add jobs `(task, payload)` or `(task, payload, {options})` in one transaction, in order.

        If any is bad, there is no row, and the error says which. Raises: as `enqueue`.
        """
        self._opened.check_may_write()
        return await self.client.enqueue_many(additions(jobs), connection)

    async def dequeue(self, key: str, *, connection: object = None) -> Job | None:
        """Cancel the waiting job of a key and return it, else None; a running one is left alone."""
        self._opened.check_may_write()
        check_job_key(needed_text("a job key", key))
        if connection is None:
            return await self.store.dequeue(key)
        return await run_in(connection, lambda caller: self.store.dequeue_in(caller, key))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction on this database, for business writes and jobs (`connection=tx`) that belong together.

        It commits at the end of the block and rolls back on an exception.
        """
        self._opened.check_may_write()
        async with self.store.transaction() as connection:
            yield connection
        self.wake()

    # --- looking ---

    async def get(self, id: str) -> Job:
        """Return a job, live or finished. Raises: JobNotFound."""
        self._opened.check()
        return found(await self.store.get(job_id(id)), id)

    async def wait(self, id: str, timeout: float | timedelta | None = None) -> Job:  # noqa: ASYNC109  the name that callers expect
        """Return a job when it has ended. `timeout` is seconds. Raises: JobNotFound; WaitTimedOut (the job goes on)."""
        self._opened.check_may_write()  # that somebody waits is noted
        seconds = patience(timeout)
        try:
            async with asyncio.timeout(seconds):
                return await self._ended(job_id(id))
        except TimeoutError:
            raise WaitTimedOut(f"job {id} has not ended within {format_duration(seconds or 0)}; it goes on") from None

    async def jobs(
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
        """Return a page of jobs, newest first; `cursor` is the `next_cursor` of the page before.

        `since`: added at or after this aware datetime, or this long ago. `filter` is of the filter language, such as
        `state:failed payload.user.id:42`; all that is given must hold. `limit` is 1 to 1000.
        Raises: InvalidOption; InvalidFilter, which points at the column.
        """
        self._opened.check()
        wanted = JobFilter(
            job_states(states),
            text("task", task),
            text("queue", queue),
            text("key", key),
            text("tag", tag),
            earliest(since),
            filter_terms(filter),
        )
        return await self.store.list_jobs(wanted, page_limit(limit), text("cursor", cursor))

    async def queues(self) -> list[QueueCounts]:
        """Return the live jobs of every concrete queue, and the limit in force for each."""
        self._opened.check()
        return await self.store.queue_counts()

    async def status(self) -> Status:
        """Say how things stand: what waits and runs in each queue, the runners, and what is wrong."""
        self._opened.check()
        overview = await self.store.overview()
        return await asyncio.to_thread(status_of, overview, self.catalog)  # there may be very many queue names

    # --- operating ---

    async def cancel(self, id: str) -> Job:
        """Cancel a waiting job, or ask for the cancel of a running one; a finished one is returned as it is.

        Raises: JobNotFound.
        """
        self._opened.check_may_write()
        return found(await self.store.cancel(job_id(id)), id)

    async def retry(self, id: str) -> Job:
        """Run a finished job again under its id from attempt 0, or a waiting one now; its payload is validated anew.

        Raises: JobNotFound, UnknownTask, InvalidPayload, JobStateConflict.
        """
        self._opened.check_may_write()
        job = await self.get(id)
        retried = await self.store.retry(id, retried_payload(self.catalog, job.task, job.payload))
        self.wake()
        return retried

    async def run_now(self, id: str) -> Job:
        """Let a job that waits for its time or its retry start now; one that may start already keeps its place.

        Raises: JobNotFound; JobStateConflict where it runs or has ended.
        """
        self._opened.check_may_write()
        job = await self.store.run_now(job_id(id))
        self.wake()
        return job

    async def reschedule(self, id: str, run_at: datetime | timedelta) -> Job:
        """Let a waiting job start at an aware datetime, or a timedelta from now; its attempts are kept.

        Raises: JobNotFound; JobStateConflict where it runs or has ended; InvalidOption.
        """
        self._opened.check_may_write()
        job = await self.store.reschedule(job_id(id), start(run_at))
        self.wake()
        return job

    async def delete(self, id: str) -> None:
        """Delete a job that is not running. Raises: JobNotFound, JobStateConflict."""
        self._opened.check_may_write()
        if not await self.store.delete(job_id(id)):
            found(None, id)

    async def pause_queue(self, queue: str, *, reason: str = "", author: str = "") -> None:
        """Let nothing of a queue, or of a declared pattern with all its names, start any more, on any runner, until it
        is resumed; what runs goes on. Raises: UnknownQueue.
        """
        self._opened.check_may_write()
        name, in_force = needed_text("queue", queue), await self.store.rules_in_force()
        if name not in self.catalog.queues.queues and (in_force is None or name not in in_force.queues):
            self.catalog.queue_or_pattern(name)
        await self.store.pause(name, remark("reason", reason), remark("author", author))

    async def resume_queue(self, queue: str) -> bool:
        """Let a paused queue or pattern start jobs again; False where it was not paused under this name."""
        self._opened.check_may_write()
        if resumed := await self.store.resume(needed_text("queue", queue)):
            self.wake()
        return resumed

    # --- working ---

    async def run(
        self,
        *,
        queues: Sequence[str] | None = None,
        concurrency: int | None = None,
        until_idle: bool = False,
        events: Events | None = None,
        line: Line | None = None,
    ) -> RunSummary:
        """Work in this process until `stop()`, a signal, or, with `until_idle`, until nothing is left to take.

        `queues` and `concurrency` replace those of the configuration; `events` replaces the log as what hears of each
        event. Signals are handled where this is the main thread; `line` leads to the supervisor of this process.
        Raises: InvalidConfig where a handler cannot be imported; InvalidOption.
        """
        runner = self._runner(queues, concurrency, events or Events(log_event))
        return await self._start(runner, until_idle=until_idle, handle_signals=True, line=line)

    @asynccontextmanager
    async def running(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None
    ) -> AsyncIterator[Self]:
        """Work in the background for the length of the block, then drain. For web applications and tests.

        The block begins when the runner has begun. Signals stay with the application.
        """
        begun = asyncio.Event()
        events = Events(log_event, lambda event: begun.set() if isinstance(event, RunnerStarted) else None)
        runner = self._runner(queues, concurrency, events)
        task = self._start(runner, until_idle=False, handle_signals=False)
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task
        try:
            yield self
        finally:
            runner.request_stop()
            await task

    def request_stop(self) -> None:
        """Ask the runners of this KongFlow to drain and end; callable from any thread."""
        for runner in tuple(self._runners):
            runner.request_stop()

    def wake(self) -> None:
        """Tell the runners of this KongFlow to look at once, not when they poll; callable from any thread."""
        for runner in tuple(self._runners):
            runner.wake()

    # --- inside ---

    async def _check_schema(self, looking: bool) -> None:
        status = await self.store.schema_status()
        if status.up_to_date:
            return
        if self.catalog.database.migrate == "auto" and not looking:
            await self.store.migrate()
        else:
            refuse_incompatible(status, self.store.place)

    async def _ended(self, id: str) -> Job:
        pause = _FIRST_LOOK
        while True:
            job = found(await self.store.await_outcome(id), id)
            if job.state.is_final:
                return job
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LAST_LOOK)

    def _runner(self, queues: Sequence[str] | None, concurrency: int | None, events: Events) -> Runner:
        self._opened.check_may_write()
        catalog = with_overrides(self.catalog, queues, concurrency)
        return Runner(catalog, bind(catalog), self.store, self.client, events=events)

    def _start(
        self, runner: Runner, *, until_idle: bool, handle_signals: bool, line: Line | None = None
    ) -> asyncio.Task[RunSummary]:
        work = runner.run(until_idle, handle_signals=handle_signals, line=line)
        task = asyncio.create_task(work, name="kongflow run")
        self._runners[runner] = task
        task.add_done_callback(lambda _: self._runners.pop(runner, None))
        return task


# --- shared with the synchronous twin --------------------------------------------------------------------------------


def find_catalog(path: str | Path | None = None) -> Catalog:
    """Return the catalog of `path`, else of the file that KONGFLOW_CONFIG names, else of ./kongflow.yaml.

    Raises: InvalidConfig with every finding; ConfigUnreadable.
    """
    return load_catalog(Path(path or os.environ.get("KONGFLOW_CONFIG") or "kongflow.yaml"), os.environ)


def found(job: Job | None, id: str) -> Job:
    """Return the job. Raises: JobNotFound where there is none."""
    if job is None:
        raise JobNotFound(f"there is no job {id!r}: it never existed, was deleted, or its retention has passed")
    return job

"""JobContext and SyncJobContext: what a handler sees of its job, and what it can do from inside."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Unpack

from kongflow.core.job import Job
from kongflow.core.json import Json, dump
from kongflow.engine.attempt import Attempt
from kongflow.engine.calls import SyncCalls
from kongflow.engine.client import Client, EnqueueOptions, job_options
from kongflow.engine.completion import Completion
from kongflow.engine.transaction import JobTransaction, SyncJobTransaction
from kongflow.errors import InvalidOption, JobStateConflict, LeaseLost
from kongflow.store.base import Store


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the contexts of one runner share."""

    client: Client
    store: Store
    secrets: Mapping[str, str]
    calls: SyncCalls
    """What plain functions use of all that."""
    wake: Callable[[], None]
    """Tells the runner that something was added; from any thread."""


class _Facts:
    """What a handler may read of its job. `deadline` is when the attempt's time is over, by this host's clock."""

    _transaction: object = None

    def __init__(self, attempt: Attempt, secrets: Mapping[str, str]) -> None:
        job = attempt.job
        self.id = job.id
        self.task = job.task
        self.queue = job.queue
        self.attempt = job.attempt
        self.max_attempts = job.max_attempts
        self.claims = job.claims
        self.key = job.key
        self.tags = job.tags
        self.run_at = job.run_at
        self.created_at = job.created_at
        self.lease = job.lease
        self.deadline = datetime.now(UTC) + timedelta(seconds=attempt.task.timeout)
        self.secrets = secrets
        self._attempt = attempt

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines carry the job, as do all lines that are logged while the handler runs."""
        return logging.getLogger(f"kongflow.task.{self.task}")

    @property
    def cancelled(self) -> bool:
        """True from when the handler should end: its time is over, somebody cancels it, or the runner stops.

        A handler that has read True and returns None has stopped early, not succeeded.
        """
        if self._attempt.stopping:
            self._attempt.noticed_stop = True
        return self._attempt.stopping

    def _check_outside_transaction(self) -> None:
        if self._transaction is not None:
            raise JobStateConflict(
                f"job {self.id} is inside its transaction, and nobody would see its progress before the commit; report "
                "it before or after"
            )

    def _check_progress(self, kept: bool) -> None:
        if not kept:
            raise LeaseLost(f"job {self.id} was given to another runner; its progress was not kept")


class JobContext(_Facts):
    """A job as its coroutine function sees it; the second argument of the handler."""

    _transaction: JobTransaction | None = None

    def __init__(self, attempt: Attempt, surroundings: Surroundings) -> None:
        super().__init__(attempt, surroundings.secrets)
        self._client = surroundings.client
        self._store = surroundings.store
        self._calls = surroundings.calls
        self._wake = surroundings.wake

    async def enqueue(
        self, task: str, payload: Json = None, *, connection: object = None, **options: Unpack[EnqueueOptions]
    ) -> Job:
        """Add a job. Inside `transaction()` it is added by that transaction, else at once or by `connection`.

        Raises: UnknownTask, InvalidPayload, InvalidOption, UnknownQueue, TemplateError, WrongDatabase.
        """
        if self._transaction is not None and _joins(connection, self._transaction):
            return await self._transaction.enqueue(task, payload, **options)
        if isinstance(connection, JobTransaction):
            raise InvalidOption("this job's transaction is over; enqueue inside it, or without connection=")
        return await self._client.enqueue(task, payload, job_options(options), connection)

    async def progress(self, value: Json) -> None:
        """Keep a JSON value that tells how far the job is. Not inside `transaction()`: nobody would see it meanwhile.

        Raises: InvalidPayload; LeaseLost; JobStateConflict.
        """
        self._check_outside_transaction()
        self._check_progress(await self._store.progress(self.id, self.lease, dump(value, "progress")))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JobTransaction]:
        """Open the transaction that commits the handler's writes, the jobs it adds and the end of this job, together.

        An exception inside rolls everything back and is the attempt's failure, unless the handler catches it and opens
        another; one after the commit is logged, and the job stays succeeded. Raises: LeaseLost where another runner has
        the job: nothing is written; JobStateConflict inside another, and after the commit.
        """
        completion = Completion(self._attempt, self._calls)
        completion.open()
        try:
            async with self._store.transaction() as connection:
                self._transaction = JobTransaction(connection, self._client, completion)
                yield self._transaction
                completion.begin()
                await connection.run_sync(completion.fence)
        except BaseException:
            completion.abandon()
            raise
        finally:
            added = self._transaction is not None and self._transaction.added
            self._transaction = None
        completion.committed()
        if added:
            self._wake()


class SyncJobContext(_Facts):
    """A job as its plain function sees it, in a thread or a child process; the same names as `JobContext`, as plain
    calls.
    """

    _transaction: SyncJobTransaction | None = None

    def __init__(self, attempt: Attempt, secrets: Mapping[str, str], calls: SyncCalls) -> None:
        super().__init__(attempt, secrets)
        self._calls = calls

    def enqueue(
        self, task: str, payload: Json = None, *, connection: object = None, **options: Unpack[EnqueueOptions]
    ) -> Job:
        """As `JobContext.enqueue`."""
        if self._transaction is not None and _joins(connection, self._transaction):
            return self._transaction.enqueue(task, payload, **options)
        if isinstance(connection, SyncJobTransaction):
            raise InvalidOption("this job's transaction is over; enqueue inside it, or without connection=")
        if connection is not None:
            return self._calls.enqueue_in(connection, task, payload, job_options(options))
        return self._calls.enqueue(task, payload, job_options(options))

    def progress(self, value: Json) -> None:
        """As `JobContext.progress`."""
        self._check_outside_transaction()
        self._check_progress(self._calls.progress(self.id, self.lease, dump(value, "progress")))

    @contextmanager
    def transaction(self) -> Iterator[SyncJobTransaction]:
        """As `JobContext.transaction`."""
        completion = Completion(self._attempt, self._calls)
        completion.open()
        try:
            with self._calls.transaction() as connection:
                self._transaction = SyncJobTransaction(connection, self._calls, completion)
                yield self._transaction
                completion.begin()
                completion.fence(connection)
        except BaseException:
            completion.abandon()
            raise
        finally:
            added = self._transaction is not None and self._transaction.added
            self._transaction = None
        completion.committed()
        if added:
            self._calls.wake()


def _joins(connection: object, transaction: JobTransaction | SyncJobTransaction) -> bool:
    """Say whether an enqueue belongs to the open transaction: it names it, or names no connection at all.

    Beside an open transaction of a SQLite file nothing else can write, so an enqueue of its own could only wait.
    """
    return connection is None or connection is transaction or connection is transaction.connection

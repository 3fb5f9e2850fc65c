"""Work: one transaction of a service, with the application's rows and the jobs that exist when it commits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from catalog.app.database import database_url, look, session_on
from catalog.client import Client
from kongflow import Job, JobContext, KongFlow
from kongflow.errors import StoreBusy, StoreUnavailable

T = TypeVar("T")

Enqueue = Callable[..., Awaitable[Job]]
"""Add a job in the transaction: as `KongFlow.enqueue`, without `connection`."""

Dequeue = Callable[[str], Awaitable[Job | None]]
"""Cancel the waiting job of a key in the transaction: as `KongFlow.dequeue`, without `connection`."""

UNAVAILABLE = (OperationalError, InterfaceError, InternalError, StoreBusy, StoreUnavailable)
"""What passes when the database is back, or less busy; a transaction that was cut off is an InternalError."""

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between two tries."""


@dataclass(frozen=True, slots=True)
class _Adding:
    enqueue: Enqueue


class Work(Client[Awaitable[Job]]):
    """What a service needs: rows through `session`, jobs through `enqueue`, which knows the types of every task; all of
    it one commit.
    """

    def __init__(self, session: AsyncSession, enqueue: Enqueue) -> None:
        super().__init__(_Adding(enqueue))
        self.session = session


@asynccontextmanager
async def working(connection: AsyncConnection, enqueue: Enqueue) -> AsyncIterator[Work]:
    """Give what a service needs, on the connection of somebody's transaction, who commits it.

    Of a job: `async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work`.
    """
    async with session_on(connection) as session:
        yield Work(session, enqueue)


async def patiently(job: JobContext, do: Callable[[], Awaitable[T]]) -> T:
    """Do something with the database in a job whose work is dear, and return what it returns.

    What goes wrong between us and the database, such as a deadlock or a restart, rolls everything back, and it is tried
    again, for half a minute in all. Raises: what `do` raises; one of UNAVAILABLE in the end.
    """
    for pause in PAUSES:
        try:
            return await do()
        except UNAVAILABLE as problem:
            why = getattr(problem, "orig", problem)
            job.logger.warning("the database could not be used, and is tried again: %s", why)
        await asyncio.sleep(pause)
    return await do()


async def complete(job: JobContext, write: Callable[[Work], Awaitable[T]]) -> T:
    """Let `write` do the last writes of a job, committed together with its end, and return what it returns."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        return await write(work)


@asynccontextmanager
async def transaction(flow: KongFlow, *, lock_timeout: str | None = None) -> AsyncIterator[Work]:
    """Give what a service needs where there is no job: a transaction of its own, committed at the end. `lock_timeout`:
    another than that of the application's database.
    """

    async def enqueue(task: str, payload: Any = None, **options: Any) -> Job:
        return await flow.enqueue(task, payload, connection=connection, **options)

    async with flow.transaction() as connection, session_on(connection, lock_timeout=lock_timeout) as session:
        yield Work(session, enqueue)


@asynccontextmanager
async def looking(flow: KongFlow) -> AsyncIterator[AsyncSession]:
    """Give a session that only reads. On SQLite it takes no lock; elsewhere it comes out of KongFlow's own pool."""
    if database_url(os.environ).get_backend_name() == "sqlite":
        async with look() as session:
            yield session
    else:
        async with flow.transaction() as connection, session_on(connection) as session:
            yield session

"""The handles of a job's own transaction: its writes, the jobs that it adds, and the result that it commits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack

from kongflow.core.job import Job
from kongflow.core.json import Json
from kongflow.engine.calls import SyncCalls
from kongflow.engine.client import Client, EnqueueOptions, job_options
from kongflow.engine.completion import Completion

if TYPE_CHECKING:  # see store/connections.py
    from sqlalchemy import CursorResult, Executable
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

P = ParamSpec("P")
T = TypeVar("T")

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class JobTransaction:
    """What `async with job.transaction() as tx:` gives. `connection` is its SQLAlchemy AsyncConnection."""

    def __init__(self, connection: AsyncConnection, client: Client, completion: Completion) -> None:
        self.connection = connection
        self.added = False
        """True where a job was added by this transaction."""
        self._client = client
        self._completion = completion

    async def execute(self, statement: Executable | str, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Execute a statement, or SQL text with `:name` parameters, in the transaction."""
        return await self.connection.execute(_statement(statement), parameters)

    async def run_sync(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a plain function with the transaction's plain Connection, for code that is not async."""
        return await self.connection.run_sync(function, *args, **kwargs)

    async def enqueue(self, task: str, payload: Json = None, **options: Unpack[EnqueueOptions]) -> Job:
        """Add a job that exists only if this transaction commits. Raises: as `JobContext.enqueue`."""
        given = job_options(options)
        job = await self.connection.run_sync(
            lambda connection: self._client.enqueue_in(connection, task, payload, given)
        )
        self.added = True
        return job

    async def dequeue(self, key: str) -> Job | None:
        """Cancel the waiting job of a key if this transaction commits, and return it, else None; a running one is left
        alone. Raises: InvalidOption.
        """
        return await self.connection.run_sync(lambda connection: self._client.dequeue_in(connection, key))

    def result(self, value: Json) -> None:
        """Set the job's result; without it the result is null. Raises: InvalidResult, at once."""
        self._completion.result(value)


class SyncJobTransaction:
    """What `with job.transaction() as tx:` gives. `connection` is its SQLAlchemy Connection."""

    def __init__(self, connection: Connection, calls: SyncCalls, completion: Completion) -> None:
        self.connection = connection
        self.added = False
        """True where a job was added by this transaction."""
        self._calls = calls
        self._completion = completion

    def execute(self, statement: Executable | str, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Execute a statement, or SQL text with `:name` parameters, in the transaction."""
        return self.connection.execute(_statement(statement), parameters)

    def enqueue(self, task: str, payload: Json = None, **options: Unpack[EnqueueOptions]) -> Job:
        """Add a job that exists only if this transaction commits. Raises: as `JobContext.enqueue`."""
        job = self._calls.enqueue_in(self.connection, task, payload, job_options(options))
        self.added = True
        return job

    def dequeue(self, key: str) -> Job | None:
        """Cancel the waiting job of a key if this transaction commits, and return it, else None; a running one is left
        alone. Raises: InvalidOption.
        """
        return self._calls.dequeue_in(self.connection, key)

    def result(self, value: Json) -> None:
        """Set the job's result; without it the result is null. Raises: InvalidResult, at once."""
        self._completion.result(value)


def _statement(statement: Executable | str) -> Executable:
    from sqlalchemy import text

    return text(statement) if isinstance(statement, str) else statement

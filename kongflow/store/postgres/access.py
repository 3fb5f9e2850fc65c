"""Access: the ways into one database: our own statements, and transactions and connections of a user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from kongflow.errors import NotInitialized, StoreError, StoreUnavailable
from kongflow.store.connections import CallersConnection, dialect_of
from kongflow.store.postgres.address import Address
from kongflow.store.postgres.clock import ServerClock
from kongflow.store.postgres.connections import Connections, connect_sync, run_sync
from kongflow.store.postgres.faults import POOLER_HINT, explain
from kongflow.store.postgres.patience import PATIENCE, PatientConnection
from kongflow.store.postgres.user_transactions import UserTransactions
from kongflow.store.postgres.wakeups import Listening, Silence, Wakeups
from kongflow.store.rows import Row
from kongflow.store.statements import in_schema, load_statements, with_percent_names

T = TypeVar("T")


@cache  # a process may open a deployment often
def _statements_of(schema: str) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return our statements by name, with the parameters of SQLAlchemy and with those of psycopg."""
    named = load_statements("kongflow.store.postgres", lambda sql: in_schema(sql, schema))
    return named, {name: with_percent_names(sql).encode() for name, sql in named.items()}


class Access:
    """One database, opened once. `shift` is how far tests have moved the clock."""

    def __init__(self, address: Address, schema: str, pool_size: int) -> None:
        self.address = address
        self.shift = timedelta()
        self.clock = ServerClock(skipped=lambda: self.shift.total_seconds())
        self.user = UserTransactions(address, schema, pool_size)
        self._pool_size = pool_size
        self._named, self._statements = _statements_of(schema)
        self._schema = schema
        self._channel = f"{schema}_jobs"
        self._connections: Connections | None = None
        self._wakeups: Wakeups | None = None
        self._identity: str | None = None
        self._direct: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    async def open(self) -> None:
        """Connect. Raises: StoreUnavailable."""
        if self._connections is None:
            self._connections = Connections(self.address, self._pool_size)
            self._wakeups = Silence() if self.address.pooled else Listening(self.address, self._channel)
            try:
                await self._check_session()
                await self.learn_identity()
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Disconnect."""
        connections, self._connections = self._connections, None
        wakeups, self._wakeups = self._wakeups, None
        if wakeups is not None:
            await wakeups.close()
        if connections is not None:
            await connections.close()
        await self.user.close()

    @property
    def _connected(self) -> Connections:
        if self._connections is None:
            raise NotInitialized("the store is not open: call initialize() first")
        return self._connections

    @property
    def wakeups(self) -> Wakeups:
        """The hints of this process. Raises: NotInitialized."""
        if self._wakeups is None:
            raise NotInitialized("the store is not open: call initialize() first")
        return self._wakeups

    async def _check_session(self) -> None:
        """Raises: StoreUnavailable where somebody in between has dropped the settings of our session, and where the
        database cannot keep every text.
        """
        ((is_ours, encoding),) = await self.rows("session")
        if not self.address.pooled and not is_ours:
            raise StoreUnavailable(f"{self.address.place} does not keep the settings of a session. {POOLER_HINT}")
        if encoding != "UTF8":
            raise StoreUnavailable(
                f"the database at {self.address.place} has the encoding {encoding}, which cannot keep every payload: "
                "create one with `createdb --encoding UTF8 --template template0`"
            )

    def explain(self, error: BaseException) -> StoreError | None:
        """Return the error of ours for one of PostgreSQL's; None where it is not one."""
        return explain(error, self.address.place, self._schema)

    # --- our own statements ---

    async def rows(self, name: str, /, **values: object) -> list[Row]:
        """Run a statement and return its rows. Raises: StoreUnavailable, StoreBusy, SchemaOutOfDate, StoreError."""
        return (await self._run(name, values))[0]

    async def count(self, name: str, /, **values: object) -> int:
        """Run a statement and return how many rows it changed. Raises: as `rows`."""
        return (await self._run(name, values))[1]

    async def rows_within(self, patience: float, name: str, /, **values: object) -> list[Row]:
        """As `rows`, for a statement that may take `patience` seconds, more than an ordinary one. Raises: as `rows`."""
        return (await self._run(name, values, patience))[0]

    async def value(self, name: str, /, **values: object) -> Any:
        """Run a statement and return the first value of its first row, or None. Raises: as `rows`."""
        rows = await self.rows(name, **values)
        return rows[0][0] if rows else None

    def sync_rows(
        self, connection: PatientConnection, name: str, values: Mapping[str, object], patience: float
    ) -> list[Row]:
        """As `rows`, on a connection of another thread. Raises: psycopg.Error."""
        return run_sync(connection, self.address, self._statements[name], values, patience)

    # --- a user's connections ---

    def rows_in(self, connection: CallersConnection, name: str, /, **values: object) -> list[Row]:
        """Run a statement inside a caller's transaction. Raises: WrongDatabase, and as `rows`."""
        try:
            self._check(connection)
            return self._rows_in(connection, name, values)
        except (DBAPIError, psycopg.Error) as error:
            raise self.explain(error) or error from error

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a closure on a connection of SQLAlchemy's, for queries that are put together. Raises: as `rows`."""
        try:
            async with self.user.open() as connection:
                return await connection.run_sync(work)
        except DBAPIError as error:
            raise self.explain(error) or error from error

    def rows_of(self, connection: Connection, name: str, /, **values: object) -> list[Row]:
        """Run a statement inside `read`."""
        return list(map(tuple, connection.execute(text(self._named[name]), values)))

    async def learn_identity(self) -> None:
        """Read which database this is, if it has our tables, so that a caller's connection to another is noticed."""
        if await self.value("has_tables"):
            ((_, _, _, self._identity),) = await self.rows("deployment")

    def _check(self, connection: CallersConnection) -> None:
        """Raises: WrongDatabase where a caller's connection is not on our database."""
        dialect = dialect_of(connection)
        found = self._found_on(connection) if dialect == "postgresql" else ""
        if found not in ("", self._identity):
            self._identity = self._identity_now()
        self.user.refuse_other(dialect, found, self._identity)

    def _identity_now(self) -> str | None:
        """Read once more which database this is, in the caller's thread: our tables may have moved to another server
        since it was learned, with the host of the URL. Raises: psycopg.Error.
        """
        with connect_sync(self.address, PATIENCE) as connection:
            if not self.sync_rows(connection, "has_tables", {}, PATIENCE)[0][0]:
                return None
            ((_, _, _, identity),) = self.sync_rows(connection, "deployment", {}, PATIENCE)
        return str(identity)

    def _found_on(self, connection: CallersConnection) -> str:
        """Return the identity of our tables on a caller's connection, asked for once; empty where there are none."""
        known: MutableMapping[Any, str]
        if isinstance(connection, Connection):
            known, key = connection.info, f"kongflow_identity_of_{self._schema}"
        else:
            known, key = self._direct, connection.psycopg
        if key not in known:
            if not self._rows_in(connection, "has_tables", {})[0][0]:
                return ""
            ((_, _, _, known[key]),) = self._rows_in(connection, "deployment", {})
        return known[key]

    def _rows_in(self, connection: CallersConnection, name: str, values: Mapping[str, object]) -> list[Row]:
        if isinstance(connection, Connection):
            return self.rows_of(connection, name, **values)
        return connection.rows(self._statements[name], values)

    async def _run(
        self, name: str, values: Mapping[str, object], patience: float | None = None
    ) -> tuple[list[Row], int]:
        try:
            return await self._connected.run(self._statements[name], values, patience)
        except psycopg.Error as error:
            raise self.explain(error) or error from error

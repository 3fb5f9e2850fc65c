"""Wake-ups: NOTIFY when jobs were added, LISTEN for those of others. Hints only: polling finds whatever they miss.

Nothing of this happens inside a transaction that adds jobs: NOTIFY takes a lock that all committing transactions of the
server share (measured here at 1.75 times the cost with 8 writers), so it has a connection of its own, after the commit.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import psycopg
from psycopg import sql

from kongflow.store.postgres.address import Address
from kongflow.store.postgres.connections import AsyncConnection, Connections, connect
from kongflow.store.postgres.patience import answering

MERGED = 0.010
"""Seconds after a notification in which further ones become one."""
ECHO_EVERY, ECHO_WITHIN = 5.0, 5.0
"""Seconds of silence after which a listener calls to itself, and in which it must hear that: a connection may be dead
without saying so."""
_NOTIFY = b"select pg_notify(%(channel)s, %(name)s)"
LONGEST_PAUSE = 1.0
"""Seconds between two tries to listen again."""


class Wakeups(Protocol):
    """The hints of one process; `close` last. For one event loop."""

    def announce(self) -> None:
        """Tell the others that jobs were added."""

    def announce_after_commit(self) -> None:
        """As `announce`, from any thread, where the commit is only about to happen."""

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever others have added jobs, and whenever that may have been missed; until cancelled."""

    async def close(self) -> None:
        """Send what is on its way, and disconnect."""


class Silence:
    """Behind a pooler that gives sessions to whoever comes next, nobody can listen: everybody polls."""

    def announce(self) -> None:
        """See Wakeups.announce."""

    def announce_after_commit(self) -> None:
        """See Wakeups.announce_after_commit."""

    async def listen(self, wake: Callable[[], None]) -> None:
        """See Wakeups.listen. There is nothing to hear."""

    async def close(self) -> None:
        """See Wakeups.close."""


class Listening:
    """Hints on one channel of a database."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address = address
        self._channel = channel
        self._name = secrets.token_hex(8)
        self._connections = Connections(address, 1)
        self._loop = asyncio.get_running_loop()
        self._sent = 0.0
        self._owed = 0.0
        """Until when a commit that was about to happen is still to be told of."""
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def announce(self) -> None:
        """See Wakeups.announce. The first time at once, then at most every MERGED seconds."""
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(max(self._sent + MERGED - self._loop.time(), 0.0), self._send)

    def announce_after_commit(self) -> None:
        """See Wakeups.announce_after_commit."""
        try:
            self._loop.call_soon_threadsafe(self._announce_soon)
        except RuntimeError:
            pass  # the loop is closed: the others find out when they poll

    async def listen(self, wake: Callable[[], None]) -> None:
        """See Wakeups.listen."""
        pause = 0.0
        while True:
            try:
                async with await connect(self._address) as connection:
                    with answering(connection, ECHO_WITHIN):
                        await connection.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
                    wake()
                    pause = 0.0
                    await self._hear(connection, wake)
            except psycopg.Error:
                pause = min(max(2 * pause, 0.1), LONGEST_PAUSE)
                await asyncio.sleep(pause)

    async def close(self) -> None:
        """See Wakeups.close."""
        await asyncio.sleep(0)  # for what threads have just announced
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._timer is not None or self._loop.time() < self._owed:
            self._send()
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=LONGEST_PAUSE)
            for task in late:
                task.cancel()
        await self._connections.close()

    @property
    def _call(self) -> tuple[bytes, dict[str, object]]:
        return _NOTIFY, {"channel": self._channel, "name": self._name}

    async def _hear(self, connection: AsyncConnection, wake: Callable[[], None]) -> None:
        """Listen until the connection is found dead. Raises: psycopg.Error."""
        while True:
            heard = [notify.payload async for notify in connection.notifies(timeout=ECHO_EVERY, stop_after=1)]
            if not heard:
                with answering(connection, ECHO_WITHIN):
                    await connection.execute(*self._call)
                heard = [notify.payload async for notify in connection.notifies(timeout=ECHO_WITHIN, stop_after=1)]
                if not heard:
                    raise psycopg.OperationalError("the server does not notify this connection any more")
            if any(name != self._name for name in heard):
                wake()

    def _announce_soon(self) -> None:
        self._owed = self._loop.time() + MERGED
        self._loop.call_later(MERGED, self.announce)

    def _send(self) -> None:
        self._timer = None
        self._sent = self._loop.time()
        task = self._loop.create_task(self._notify())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _notify(self) -> None:
        try:
            await self._connections.run(*self._call)
        except psycopg.Error:
            pass  # the others find out when they poll

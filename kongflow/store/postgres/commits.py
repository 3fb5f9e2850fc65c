"""Commits: tells of the jobs that a user's SQLAlchemy transaction added, once it commits."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.engine import Connection

from kongflow.store.postgres.wakeups import Wakeups


class Commits:
    """Listens to each connection once, however many jobs it adds: SQLAlchemy keeps a listener, also one of `once`, for
    as long as its connection (https://docs.sqlalchemy.org/en/20/core/event.html).
    """

    def __init__(self) -> None:
        self._owed: WeakKeyDictionary[Connection, Wakeups | None] = WeakKeyDictionary()

    def announce(self, connection: Connection, wakeups: Wakeups) -> None:
        """Announce with the next commit of a connection; one that is rolled back is announced with the one after it."""
        if connection not in self._owed:
            event.listen(connection, "commit", self._committing)
        self._owed[connection] = wakeups

    def _committing(self, connection: Connection) -> None:
        wakeups = self._owed.get(connection)
        if wakeups is not None:
            self._owed[connection] = None
            wakeups.announce_after_commit()

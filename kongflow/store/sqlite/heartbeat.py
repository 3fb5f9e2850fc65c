"""The heartbeat's own connection: a busy loop or a busy writer must not cost a runner its leases."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

from kongflow.store.records import Renewal
from kongflow.store.sqlite.access import Access
from kongflow.store.sqlite.faults import explain, replaced
from kongflow.store.sqlite.files import Connection, file_id
from kongflow.store.sqlite.runners import renew

LONGEST_RENEWAL = 0.25
"""Seconds that a renewal waits for the file before it comes again: shorter than the pause between the two looks of
others that make a runner dead.
"""


class SqliteLeaseKeeper:
    """Renews one runner, from one thread; `close` may come from any."""

    def __init__(self, access: Access, runner: int, patience: float) -> None:
        self._address = access.address
        self._file = access.file
        self._runner = runner
        self._patience = patience
        self._begin = access.begun
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def renew(self, leases: Sequence[int]) -> Renewal:
        """Renew the runner and say what became of `leases`. Raises: StoreBusy, StoreUnavailable, StoreReplaced."""
        with self._lock:
            try:
                if file_id(self._address.path) != self._file:
                    raise replaced(self._address.path)
                if self._connection is None:
                    self._connection = self._address.connect(lock_slice=self._patience)
                return self._renew(self._connection, leases)
            except sqlite3.Error as error:
                raise explain(error, self._address.path) or error from error

    def written(self) -> int | None:
        """Return a number that changes whenever another connection commits; None where the file cannot be read."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                ((version,),) = self._connection.execute("pragma data_version").fetchall()
            except sqlite3.Error:
                return None
            return int(version)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _renew(self, connection: sqlite3.Connection, leases: Sequence[int]) -> Renewal:
        connection.execute("begin immediate")
        try:
            tx = self._begin(connection)
            renew(tx, self._runner)
            rows = tx.all("held_leases", runner=self._runner)
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
        held = {lease for _, lease in rows}
        return Renewal(
            lost=frozenset(lease for lease in leases if lease not in held),
            unknown=frozenset((str(id), lease) for id, lease in rows if lease not in leases),
        )

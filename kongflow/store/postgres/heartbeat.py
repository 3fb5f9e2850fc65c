"""The heartbeat's own connection: a busy loop must not cost a runner its leases."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psycopg
from psycopg.pq import TransactionStatus

from kongflow.errors import StoreReplaced, StoreUnavailable
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.connections import connect_sync, is_alive
from kongflow.store.postgres.patience import PatientConnection
from kongflow.store.records import Renewal


class PostgresLeaseKeeper:
    """Renews one runner, from one thread; `close` may come from any. `patience` is the seconds a renewal may take."""

    def __init__(self, access: Access, runner: int, patience: float) -> None:
        self._access = access
        self._runner = runner
        self._patience = patience
        self._connection: PatientConnection | None = None
        self._lock = threading.Lock()
        self._allowed_for = access.clock.set_by

    def renew(self, leases: Sequence[int]) -> Renewal:
        """Renew the runner and say what became of `leases`. Raises: StoreUnavailable, StoreReplaced.

        Never StoreBusy: others go on, and take the jobs of a runner that does not renew, whatever keeps it from it.
        """
        with self._lock:
            try:
                return self._renew(leases)
            except (psycopg.Error, OSError) as error:
                self._disconnect()
                place = self._access.address.place
                told = self._access.explain(error)
                if isinstance(told, StoreUnavailable):
                    raise told from error
                raise StoreUnavailable(f"{place} did not renew: {error}") from error

    def written(self) -> int | None:
        """See LeaseKeeper.written. No lock keeps everybody out here."""
        return None

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _renew(self, leases: Sequence[int]) -> Renewal:
        if self._connection is not None and not is_alive(self._connection):
            self._disconnect()  # a limit for idle connections is no outage, after which others must not be called dead
        if self._connection is None:
            self._connection = connect_sync(self._access.address, self._patience)
        values = {"runner": self._runner, "shift": self._access.shift}
        sent = self._access.clock.monotonic()
        (known, _, server_time), *rows = self._access.sync_rows(self._connection, "renew", values, self._patience)
        if known is None:
            raise StoreReplaced(
                f"{self._access.address.place} does not know this runner any more: the database was put back to an "
                "older state, a replica took over that had not heard of it, or it was silent for so long that it is "
                "forgotten. Start it again; before you restore a database, stop every runner"
            )
        self._access.clock.read(server_time, sent)
        self._allow_for_steps(self._connection)
        held = {lease for _, lease, _ in rows}
        return Renewal(
            lost=frozenset(lease for lease in leases if lease not in held),
            unknown=frozenset((str(id), lease) for id, lease, _ in rows if lease not in leases),
        )

    def _allow_for_steps(self, connection: PatientConnection) -> None:
        """A step of the server's clock is no time that an attempt ran, should this runner be lost. The renewal is
        written by then: a job that cannot be moved decides nothing about it, and is not tried again.
        """
        set_by = self._access.clock.set_by
        step, self._allowed_for = set_by - self._allowed_for, set_by
        if step > 0:
            values = {"runner": self._runner, "step": step, "shift": self._access.shift}
            try:
                self._access.sync_rows(connection, "move_claims", values, self._patience)
            except psycopg.Error:
                if connection.info.transaction_status is not TransactionStatus.IDLE:
                    self._disconnect()

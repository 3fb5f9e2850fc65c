"""Schema: which revision the tables have, bringing them to the one that this release wants, and whose they are."""

from __future__ import annotations

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kongflow.store.migrations.upgrade import apply_missing
from kongflow.store.postgres.address import Address
from kongflow.store.postgres.faults import explain

_MIGRATION_LOCK = 1_262_898_255
"""A number for PostgreSQL's advisory locks: "KFLO". The second is made from the name of the schema."""


def apply_migrations(address: Address, schema: str) -> None:
    """Apply every missing migration in one transaction; whoever comes meanwhile waits, and finds nothing to do.

    Raises: StoreUnavailable, StoreBusy.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(address.migrating, prepare_threshold=address.prepare_threshold),
        poolclass=NullPool,
        isolation_level="READ COMMITTED",  # who has waited for another must see what he has done
    ).execution_options(no_parameters=True)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({_MIGRATION_LOCK}, hashtext('{schema}'))")
            apply_missing(connection, schema)
    except (DBAPIError, psycopg.Error) as error:
        raise explain(error, address.place, schema) or error from error
    finally:
        engine.dispose()

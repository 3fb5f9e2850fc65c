"""What Alembic runs, on the connection and in the transaction that the caller passes."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from catalog.app.migrate import VERSION_TABLE
from catalog.app.models import SCHEMA, Model

connection = context.config.attributes["connection"]
on_postgres = connection.dialect.name == "postgresql"
if on_postgres:
    connection.execute(text(f"create schema if not exists {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=Model.metadata,
    version_table=VERSION_TABLE,
    version_table_schema=SCHEMA if on_postgres else None,
    include_schemas=on_postgres,
    transactional_ddl=True,  # SQLite's too, whatever Alembic believes
)
with context.begin_transaction():
    context.run_migrations()

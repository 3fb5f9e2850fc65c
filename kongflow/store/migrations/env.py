"""What Alembic runs. The caller passes its connection, already inside a transaction, and the schema name."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=f"{context.config.attributes['schema']}_version",
)
with context.begin_transaction():
    context.run_migrations()

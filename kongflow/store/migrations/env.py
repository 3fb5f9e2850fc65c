"""What Alembic runs. The caller passes its connection, already inside a transaction, and the schema name."""

from __future__ import annotations

from alembic import context

connection, schema = context.config.attributes["connection"], context.config.attributes["schema"]
if connection.dialect.name == "postgresql":
    context.configure(connection=connection, version_table="version", version_table_schema=schema)
else:
    context.configure(connection=connection, version_table=f"{schema}_version")
with context.begin_transaction():
    context.run_migrations()

"""What Alembic runs, in one transaction: on a connection that the caller passes, or as a script that it prints."""

from __future__ import annotations

from alembic import context
from sqlalchemy import String, literal

from kongflow.store.migrations.scripts import Verbatim
from kongflow.store.statements import in_schema, load_statements, with_prefix

schema = context.config.attributes["schema"]
connection = context.config.attributes.get("connection")
dialect = context.config.attributes["dialect"] if connection is None else connection.dialect.name
on_postgres = dialect == "postgresql"

context.configure(
    connection=connection,
    dialect_name=dialect,
    version_table="version" if on_postgres else f"{schema}_version",
    version_table_schema=schema if on_postgres else None,
    # SQLite's too, whatever Alembic believes; it begins by itself only where it prints.
    transactional_ddl=True,
)
with context.begin_transaction():
    if on_postgres:
        # Where the schema is there already, its owner needs no right to make one.
        context.execute(
            Verbatim(
                f"do $$ begin if to_regnamespace('{schema}') is null then create schema \"{schema}\"; end if; end $$"
            )
        )
    context.run_migrations()
    if context.is_offline_mode():
        folder, adapt = ("postgres", in_schema) if on_postgres else ("sqlite", with_prefix)
        claim = load_statements(f"kongflow.store.{folder}", lambda sql: adapt(sql, schema))["claim_name"]
        name = literal(context.config.attributes["name"], String).compile(compile_kwargs={"literal_binds": True})
        context.execute(Verbatim(claim.strip().replace(":name", str(name))))

"""The first tables. Works with release 0.1.0 and newer."""

from __future__ import annotations

from pathlib import Path

from alembic import context, op

from kongflow.store.statements import with_prefix

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements of the file for this dialect."""
    bind = op.get_bind()
    file = Path(__file__).with_name(f"{revision}_{bind.dialect.name}.sql")
    script = with_prefix(file.read_text(encoding="utf-8"), context.config.attributes["schema"])
    for statement in script.split(";\n"):
        if statement.strip():
            bind.exec_driver_sql(statement)

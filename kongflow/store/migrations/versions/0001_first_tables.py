"""The first tables. Works with release 0.1.0 and newer."""

from __future__ import annotations

from pathlib import Path

from alembic import context, op

from kongflow.store.migrations.scripts import install_functions, run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements of the file for this dialect."""
    bind, schema = op.get_bind(), context.config.attributes["schema"]
    run_script(bind, Path(__file__).with_name(f"{revision}_{bind.dialect.name}.sql"), schema)
    if bind.dialect.name == "postgresql":
        install_functions(bind, schema)

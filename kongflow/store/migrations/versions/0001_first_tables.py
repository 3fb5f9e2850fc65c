"""The first tables. Works with release 0.1.0 and newer."""

from __future__ import annotations

from pathlib import Path

from kongflow.store.migrations.scripts import install_functions, run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements of the file for this dialect."""
    run_script(Path(__file__).parent, revision)
    install_functions()

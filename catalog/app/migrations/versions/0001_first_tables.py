"""Create every table."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements for this database."""
    script = Path(__file__).parent / f"{revision}_{op.get_context().dialect.name}.sql"
    for statement in script.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            op.execute(statement)

"""What revisions run: scripts of SQL, and the functions of this release; against a database, or onto paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import context, op
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.base import Executable

from kongflow.store.statements import in_schema, load_statements, with_prefix


class Verbatim(Executable, ClauseElement):
    """A statement that is sent as it stands: no `:` or `%` in it means anything to SQLAlchemy."""

    inherit_cache = False

    def __init__(self, sql: str) -> None:
        self.sql = sql


@compiles(Verbatim)
def _as_it_stands(element: Verbatim, _: Any, **__: Any) -> str:
    return element.sql


def run_script(folder: Path, revision: str) -> None:
    """Run the statements of `<revision>_<dialect>.sql`, written for the tables of this deployment."""
    schema, dialect = _schema(), op.get_context().dialect.name
    script = (folder / f"{revision}_{dialect}.sql").read_text(encoding="utf-8")
    script = in_schema(script, schema) if dialect == "postgresql" else with_prefix(script, schema)
    for statement in script.split(";\n"):
        if statement.strip():
            op.execute(Verbatim(statement.strip()))


def install_functions() -> None:
    """Make every function as this release has it, for its owner and those whom he grants it; on PostgreSQL alone.

    Their bodies are not looked at: one may call the next.
    """
    if op.get_context().dialect.name != "postgresql":
        return
    schema = _schema()
    op.execute(Verbatim("set local check_function_bodies = off"))
    functions = load_statements("kongflow.store.postgres", lambda sql: in_schema(sql, schema), "functions")
    for function in functions.values():
        op.execute(Verbatim(function.strip()))
    ours = ", ".join(f'"{schema}".{name}' for name in functions)
    op.execute(Verbatim(f"revoke execute on function {ours} from public"))


def _schema() -> str:
    schema: str = context.config.attributes["schema"]
    return schema

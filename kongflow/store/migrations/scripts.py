"""What revisions run: scripts of SQL, and the functions of this release."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from kongflow.store.statements import in_schema, load_statements, with_prefix


def run_script(bind: Connection, file: Path, schema: str) -> None:
    """Run the statements of a file, written for the tables of `schema`."""
    script = file.read_text(encoding="utf-8")
    script = in_schema(script, schema) if bind.dialect.name == "postgresql" else with_prefix(script, schema)
    for statement in script.split(";\n"):
        if statement.strip():
            bind.exec_driver_sql(statement)


def install_functions(bind: Connection, schema: str) -> None:
    """Make every function as this release has it, for its owner and those whom he grants it.

    Their bodies are not looked at: one may call the next.
    """
    bind.exec_driver_sql("set local check_function_bodies = off")
    functions = load_statements("kongflow.store.postgres", lambda sql: in_schema(sql, schema), "functions")
    for function in functions.values():
        bind.exec_driver_sql(function)
    bind.exec_driver_sql(f'revoke execute on all functions in schema "{schema}" from public')

"""The one loader of SQL files: a folder of statements by name, written for the tables of one deployment once.

The files say `kongflow_job` or, where the database has schemas, `kongflow.job`, and name their parameters `:name`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files

from kongflow.core.database_schema import check_schema_name
from kongflow.errors import InvalidOption

_WRITTEN_PREFIX, _WRITTEN_SCHEMA = "kongflow_", "kongflow."
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


def load_statements(package: str, adapt: Callable[[str], str], folder: str = "sql") -> Mapping[str, str]:
    """Return the statements of `<package>/<folder>/*.sql` by file name, each adapted."""
    return {
        file.name.removesuffix(".sql"): adapt(file.read_text(encoding="utf-8"))
        for file in sorted((files(package) / folder).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


def with_prefix(sql: str, schema: str) -> str:
    """Return SQL whose `kongflow_…` tables have the prefix of `schema`. Raises: InvalidOption."""
    return sql.replace(_WRITTEN_PREFIX, f"{check_schema(schema)}_")


def in_schema(sql: str, schema: str) -> str:
    """Return SQL whose `kongflow.…` tables and functions are those of `schema`. Raises: InvalidOption."""
    return sql.replace(_WRITTEN_SCHEMA, f'"{check_schema(schema)}".')


def with_percent_names(sql: str) -> str:
    """Return SQL with the parameters `%(name)s` that psycopg takes."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def check_schema(schema: str) -> str:
    """Return a schema name that is safe inside SQL. Raises: InvalidOption."""
    try:
        return check_schema_name(schema)
    except InvalidOption as error:
        raise InvalidOption(f"database.schema is {schema!r}: {error}") from None

"""The one loader of SQL files: a folder of statements by name, with the table prefix replaced once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from kongflow.errors import InvalidOption

_WRITTEN_PREFIX = "kongflow_"
_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


def load_statements(package: str, schema: str) -> Mapping[str, str]:
    """Return the statements of `<package>/sql/*.sql` by file name, written for the tables of `schema`."""
    folder = files(package) / "sql"
    return {
        file.name.removesuffix(".sql"): with_prefix(file.read_text(encoding="utf-8"), schema)
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }


def with_prefix(sql: str, schema: str) -> str:
    """Return SQL whose `kongflow_…` tables have the prefix of `schema`. Raises: InvalidOption."""
    return sql.replace(_WRITTEN_PREFIX, f"{check_schema(schema)}_")


def check_schema(schema: str) -> str:
    """Return a schema name that is safe inside SQL. Raises: InvalidOption."""
    if not _SCHEMA_NAME.fullmatch(schema):
        raise InvalidOption(
            f"database.schema is {schema!r}; it must start with a lower-case letter and hold at most 48 lower-case "
            "letters, digits and underscores"
        )
    return schema

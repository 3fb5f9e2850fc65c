"""The tables of a deployment in a file: their names have a prefix, instants are milliseconds, lists are JSON text."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, exists, func, select

from kongflow.store.rows import to_millis
from kongflow.store.statements import check_schema
from kongflow.store.tables import Tables, make_tables


def tables_of(schema: str) -> Tables:
    """Return the tables whose names have the prefix of `schema`. Raises: InvalidOption."""
    prefix = check_schema(schema)
    return make_tables(lambda name: f"{prefix}_{name}", None, Integer(), to_millis, _holds)


def _holds(names: ColumnElement[str], name: str) -> ColumnElement[bool]:
    each = func.json_each(names).table_valued("value")
    return exists(select(each.c.value).where(each.c.value == name))

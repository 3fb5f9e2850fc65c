"""The tables of a deployment in a schema of its own: instants are timestamps, lists are arrays."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, DateTime, any_, literal

from kongflow.store.statements import check_schema
from kongflow.store.tables import Tables, make_tables


def tables_of(schema: str) -> Tables:
    """Return the tables of `schema`. Raises: InvalidOption."""
    return make_tables(lambda name: name, check_schema(schema), DateTime(timezone=True), _as_it_is, _holds)


def _as_it_is(instant: datetime) -> object:
    return instant


def _holds(names: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return literal(name) == any_(names)

"""The tables of a deployment in a schema of its own: instants are timestamps, lists are arrays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, DateTime, Text, and_, cast, collate, column, exists, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH

from kongflow.core.job_filter import Match, Operator
from kongflow.store.statements import check_schema
from kongflow.store.tables import COMPARE, Tables, make_tables


@cache
def tables_of(schema: str) -> Tables:
    """Return the tables of `schema`. Raises: InvalidOption."""
    return make_tables(lambda name: name, check_schema(schema), DateTime(timezone=True), _Postgres(schema))


class _Postgres:
    """See store.tables.Dialect."""

    def __init__(self, schema: str) -> None:
        self._functions = getattr(func, schema)

    def reaches(self, limit: int) -> tuple[int, ...]:
        return 20 * limit, 1_000 * limit, 50_000 * limit

    def stored_instant(self, instant: datetime) -> object:
        return instant

    def holds(
        self, names: ColumnElement[str], match: Callable[[ColumnElement[str]], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        each = func.unnest(names).table_valued(column("name", Text)).render_derived()
        return exists(select(each.c.name).where(match(each.c.name)))

    def like(self, text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        literally = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        return text.like(literally, escape="\\")

    def contains(self, text: ColumnElement[str], part: str) -> ColumnElement[bool]:
        # The collation "C" has no other letters than those of ASCII, like SQLite.
        lower = [func.lower(collate(each, "C")) for each in (text, cast(literal(part), Text))]
        return func.strpos(*lower) > 0

    def value_matches(self, document: ColumnElement[str], path: tuple[str, ...], match: Match) -> ColumnElement[bool]:
        value = self._functions.value_at(document, cast(list(path), ARRAY(Text)))
        given = match.value
        if match.operator in (Operator.LIKE, Operator.CONTAINS):
            text = value.op("#>>")(cast([], ARRAY(Text)))
            holds = self.like if match.operator is Operator.LIKE else self.contains
            return and_(func.jsonb_typeof(value) == "string", holds(cast(text, Text), str(given)))
        known = cast(literal(json.dumps(given), Text), JSONB)
        compared = COMPARE[match.operator](value, known)
        return compared if match.operator is Operator.IS else and_(func.jsonb_typeof(value) == "number", compared)

    def last_error(self, attempts: ColumnElement[str], field: str) -> ColumnElement[str]:
        errors = func.jsonb_path_query_array(cast(attempts, JSONB), cast("$[*].error", JSONPATH))
        return cast(errors.op("->")(-1).op("->>")(field), Text)

"""The tables of a deployment in a file: their names have a prefix, instants are milliseconds, lists are JSON text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, exists, func, literal, null, or_, select

from kongflow.core.job_filter import Match, Operator
from kongflow.store.instants import to_millis
from kongflow.store.statements import check_schema
from kongflow.store.tables import COMPARE, Tables, make_tables


@cache
def tables_of(schema: str) -> Tables:
    """Return the tables whose names have the prefix of `schema`. Raises: InvalidOption."""
    prefix = check_schema(schema)
    return make_tables(lambda name: f"{prefix}_{name}", None, Integer(), _Sqlite())


class _Sqlite:
    """See store.tables.Dialect."""

    def reaches(self, limit: int) -> tuple[int, ...]:
        return ()  # one table, in the order of ids

    def stored_instant(self, instant: datetime) -> object:
        return to_millis(instant)

    def holds(
        self, names: ColumnElement[str], match: Callable[[ColumnElement[str]], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        each = func.json_each(names).table_valued("value")
        return exists(select(each.c.value).where(match(each.c.value)))

    def like(self, text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        literally = pattern.replace("[", "[[]").replace("?", "[?]")
        return text.op("glob", is_comparison=True)(literally)

    def contains(self, text: ColumnElement[str], part: str) -> ColumnElement[bool]:
        return func.instr(func.lower(text), func.lower(literal(part))) > 0

    def value_matches(self, document: ColumnElement[str], path: tuple[str, ...], match: Match) -> ColumnElement[bool]:
        # A row that was added by SQL may hold text that is no JSON.
        json = case((func.json_valid(document), document), else_=null())
        steps = [[f'."{key}"', f"[{key}]"] if key.isascii() and key.isdigit() else [f'."{key}"'] for key in path]
        places = ["$" + "".join(place) for place in product(*steps)]
        return or_(*(self._value_is(func.json_type(json, at), func.json_extract(json, at), match) for at in places))

    def last_error(self, attempts: ColumnElement[str], field: str) -> ColumnElement[str]:
        each = func.json_each(attempts).table_valued("key", "value")
        value: ColumnElement[str] = func.json_extract(each.c.value, f"$.error.{field}")
        return select(value).where(value.is_not(None)).order_by(each.c.key.desc()).limit(1).scalar_subquery()

    def _value_is(self, kind: ColumnElement[str], value: ColumnElement[Any], match: Match) -> ColumnElement[bool]:
        given = match.value
        if given is None or isinstance(given, bool):
            return kind == {None: "null", True: "true", False: "false"}[given]
        if isinstance(given, int | float):
            return and_(kind.in_(("integer", "real")), COMPARE[match.operator](value, given))
        return and_(kind == "text", self._text_is(value, match.operator, str(given)))

    def _text_is(self, value: ColumnElement[str], operator: Operator, given: str) -> ColumnElement[bool]:
        if operator is Operator.LIKE:
            return self.like(value, given)
        return self.contains(value, given) if operator is Operator.CONTAINS else value == given

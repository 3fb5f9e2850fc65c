"""Tables, as the portable queries of `reads` see them. Migrations create them; a test holds the two together."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from kongflow.core.job_filter import Match, Operator

COMPARE: Mapping[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.IS: operator.eq,
    Operator.AT_LEAST: operator.ge,
    Operator.AT_MOST: operator.le,
    Operator.ABOVE: operator.gt,
    Operator.BELOW: operator.lt,
}
"""What a column and a value are compared with."""


class Dialect(Protocol):
    """The conditions that every database says in its own words."""

    def reaches(self, limit: int) -> tuple[int, ...]:
        """Return how many ids back to look, each time further, for a page of `limit` jobs before looking at all."""
        ...

    def stored_instant(self, instant: datetime) -> object:
        """Return an aware instant as the tables hold it."""
        ...

    def holds(
        self, names: ColumnElement[str], match: Callable[[ColumnElement[str]], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        """Return the condition that a column with names holds one that matches."""
        ...

    def like(self, text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Return the condition that a text matches a pattern, in which `*` stands for any text. Case counts."""
        ...

    def contains(self, text: ColumnElement[str], part: str) -> ColumnElement[bool]:
        """Return the condition that a text contains another. Case does not count, of ASCII letters."""
        ...

    def value_matches(self, document: ColumnElement[str], path: tuple[str, ...], match: Match) -> ColumnElement[bool]:
        """Return the condition that the JSON value at `path` of a column matches: with a text only a text does, with a
        number only a number. A key of digits is also the index of a list.
        """
        ...

    def last_error(self, attempts: ColumnElement[str], field: str) -> ColumnElement[str]:
        """Return `type` or `message` of the last attempt that has an error."""
        ...


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one deployment that are read by portable queries, and what the dialects say differently."""

    job: Table
    history: Table
    runner: Table
    dialect: Dialect


def make_tables(
    name: Callable[[str], str],
    schema: str | None,
    instant: TypeEngine[Any],
    dialect: Dialect,
) -> Tables:
    """Return the tables of a deployment. `name` makes a table's name of ours; `instant` is the type of instants."""
    metadata = MetaData(schema=schema)
    return Tables(
        job=Table(
            name("job"),
            metadata,
            *_columns(BigInteger(), "id", "runner", "lease"),
            *_integers("state", "priority", "max_attempts", "attempt", "claims", "crashes"),
            *_columns(instant, "run_at", "ready_at", "created_at", "claimed_at"),
            *_texts("task", "queue", "job_key", "job_key_mode", "claimed_key", "flags", "tags"),
            *_texts("progress", "payload", "attempts", "schedule"),
            *_booleans("awaited", "cancel_requested", "overrunning"),
        ),
        history=Table(
            name("history"),
            metadata,
            *_columns(BigInteger(), "id"),
            *_integers("state", "priority", "max_attempts", "attempt", "claims", "crashes"),
            *_columns(instant, "run_at", "created_at", "claimed_at", "finished_at", "purge_at"),
            *_texts("task", "reason", "detail", "queue", "key", "flags", "tags", "runner"),
            *_texts("progress", "payload", "result", "attempts", "schedule"),
        ),
        runner=Table(name("runner"), metadata, *_columns(BigInteger(), "id"), *_integers("pid"), *_texts("host")),
        dialect=dialect,
    )


def _integers(*names: str) -> list[Column[int]]:
    return _columns(Integer(), *names)


def _texts(*names: str) -> list[Column[str]]:
    return _columns(Text(), *names)


def _booleans(*names: str) -> list[Column[bool]]:
    return _columns(Boolean(), *names)


def _columns(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, key=name) for name in names]

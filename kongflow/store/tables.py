"""Tables, as the portable queries of `reads` see them. Migrations create them; a test holds the two together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one deployment that are read by portable queries, and what the dialects say differently."""

    job: Table
    history: Table
    runner: Table
    stored_instant: Callable[[datetime], object]
    """An aware instant as the tables hold it."""
    holds: Callable[[ColumnElement[str], str], ColumnElement[bool]]
    """The condition that a column with names holds one."""


def make_tables(
    name: Callable[[str], str],
    schema: str | None,
    instant: TypeEngine[Any],
    stored_instant: Callable[[datetime], object],
    holds: Callable[[ColumnElement[str], str], ColumnElement[bool]],
) -> Tables:
    """Return the tables of a deployment. `name` makes a table's name of ours; `instant` is the type of instants."""
    metadata = MetaData(schema=schema)
    return Tables(
        job=Table(
            name("job"),
            metadata,
            *_integers("id", "state", "priority", "max_attempts", "attempt", "claims", "crashes", "runner", "lease"),
            *_columns(instant, "run_at", "ready_at", "created_at", "claimed_at"),
            *_texts("task", "queue", "job_key", "job_key_mode", "claimed_key", "flags", "tags"),
            *_texts("progress", "payload", "errors"),
            *_booleans("awaited", "cancel_requested", "overrunning"),
        ),
        history=Table(
            name("history"),
            metadata,
            *_integers("id", "state", "priority", "max_attempts", "attempt", "claims", "crashes"),
            *_columns(instant, "run_at", "created_at", "claimed_at", "finished_at", "purge_at"),
            *_texts("task", "reason", "detail", "queue", "key", "flags", "tags", "runner"),
            *_texts("progress", "payload", "result", "errors"),
        ),
        runner=Table(name("runner"), metadata, *_integers("id", "pid"), *_texts("host")),
        stored_instant=stored_instant,
        holds=holds,
    )


def _integers(*names: str) -> list[Column[int]]:
    return _columns(Integer(), *names)


def _texts(*names: str) -> list[Column[str]]:
    return _columns(Text(), *names)


def _booleans(*names: str) -> list[Column[bool]]:
    return _columns(Boolean(), *names)


def _columns(kind: TypeEngine[Any], *names: str) -> list[Column[Any]]:
    return [Column(name, kind, key=name) for name in names]

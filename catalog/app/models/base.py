"""What every table of the application has in common: its schema, its ids, its instants in UTC."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, DateTime, Dialect, Enum, ForeignKey, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

SCHEMA = "app"
"""The schema on PostgreSQL. SQLite has none; the prefix of KongFlow's tables keeps the two apart there."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime. SQLite keeps no time zone, so that everything goes in and comes out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant, and turn any other to UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Model(DeclarativeBase):
    """The base of every table."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_ix",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        },
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant(),
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        StrEnum: Enum(StrEnum, native_enum=False, length=30),
    }


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def id_column(prefix: str) -> Mapped[str]:
    """Return a primary key whose values nobody can guess, and that say what they belong to."""
    return mapped_column(primary_key=True, default=lambda: f"{prefix}_{secrets.token_hex(8)}")


def reference(table: str, *, index: bool = False) -> Mapped[Any]:
    """Return a column with the id of a row of another table, deleted with it."""
    return mapped_column(ForeignKey(f"{SCHEMA}.{table}.id", ondelete="CASCADE"), index=index)


def any_json() -> Mapped[Any]:
    """Return a column for any JSON value, or for none."""
    return mapped_column(JSON(none_as_null=True), nullable=True)


def link(name: str, **columns: str) -> Table:
    """Return a table that links rows of two others, by the names of their columns and tables."""
    ends: list[Column[str]] = [
        Column(column, ForeignKey(f"{SCHEMA}.{table}.id", ondelete="CASCADE"), primary_key=True)
        for column, table in columns.items()
    ]
    return Table(name, Model.metadata, *ends)

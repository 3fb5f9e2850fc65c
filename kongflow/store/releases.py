"""Releases: which tables this release works with, whatever the database."""

from __future__ import annotations

from kongflow.errors import SchemaMissing, SchemaOutOfDate, WrongName
from kongflow.store.records import SchemaStatus
from kongflow.version import __version__

REVISIONS = ("0001",)
"""Every revision under store/migrations/versions, oldest first; a test compares the two."""


def status_of(current: str | None, oldest_release: str | None) -> SchemaStatus:
    """Compare the revision of the tables with this release. Tables that a newer release made may still be ours to use:
    they say which is the oldest release that works with them.
    """
    newer = current is not None and current not in REVISIONS
    compatible = current == REVISIONS[-1] or (newer and _release(oldest_release or "") <= _release(__version__))
    return SchemaStatus(current, REVISIONS[-1], compatible, oldest_release or "unknown")


def refuse_newer(status: SchemaStatus) -> None:
    """Raises: SchemaOutOfDate where a newer release made the tables, and they are not for this one any more."""
    if status.current is not None and status.current not in REVISIONS and not status.compatible:
        raise SchemaOutOfDate(
            f"the tables have revision {status.current} and need KongFlow {status.oldest_release} or newer; this is "
            f"{__version__}: install a newer release, or point database.url at another database"
        )


def refuse_incompatible(status: SchemaStatus, place: str) -> None:
    """Raises: SchemaOutOfDate, or SchemaMissing, where this release does not work with the tables as they are."""
    refuse_newer(status)
    if status.current is None:
        raise no_tables(place)
    if not status.compatible:
        raise SchemaOutOfDate(
            f"the tables at {place} have revision {status.current} and this release needs {status.head}: "
            "run `kongflow db upgrade`"
        )


def no_tables(place: str) -> SchemaMissing:
    """Return the error of a database in which nobody has made our tables."""
    return SchemaMissing(
        f"there are no tables yet at {place}: `kongflow db upgrade` makes them; with database.migrate: auto, so does "
        "the first `kongflow enqueue` or `kongflow run`"
    )


def refuse_other_name(name: str, found: str | None, tables: str) -> None:
    """Raises: WrongName where tables belong to another deployment; None is nobody's."""
    if found not in (None, name):
        raise WrongName(
            f"the tables {tables} of this database belong to the deployment {found!r}, and this kongflow.yaml says "
            f"name: {name}. Give this one tables of its own with another database.schema"
        )


def _release(text: str) -> tuple[float, ...]:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        return (float("inf"),)

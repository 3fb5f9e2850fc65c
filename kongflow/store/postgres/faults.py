"""What PostgreSQL's errors mean, in words."""

from __future__ import annotations

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from kongflow.errors import (
    SchemaOutOfDate,
    StoreBusy,
    StoreError,
    StoreForbidden,
    StoreRefused,
    StoreTimedOut,
    StoreUnavailable,
    TransactionAborted,
)
from kongflow.store.postgres.patience import NoAnswer

POOLER_HINT = (
    "A pooler such as pgbouncer seems to be in between: set `database.pooler: transaction`, or connect to the server"
)


_IN_THE_WAY = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected, errors.SerializationFailure)
_OF_THE_LINE = ("08", "25", "26", "28", "3D", "53", "57")
"""Classes of SQLSTATE for the line, a login, or a server that takes nobody's work."""
_OPEN = ("0A", "40", "42", "55", "58", "HV", "XX000")
"""Classes of SQLSTATE for a statement, a system call or a foreign server that failed, for one row or for all."""


def explain(error: BaseException, place: str, schema: str) -> StoreError | None:
    """Return the error of ours for one of PostgreSQL's, also where SQLAlchemy wrapped it; None where it is not one.
    `schema` is that of our tables.
    """
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = _as_psycopg(error.orig)
    return _in_words(error, place, schema) if isinstance(error, psycopg.Error) else None


def _in_words(error: psycopg.Error, place: str, schema: str) -> StoreError:
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, (*_IN_THE_WAY, errors.InFailedSqlTransaction)):
        return _of_transaction(error, place, text)
    match error:
        case NoAnswer():
            return StoreTimedOut(f"{place} did not say in time that it is done: {text}")
        case _ if _lacks_ours(error, schema):
            return SchemaOutOfDate(f"our tables at {place} are missing or too old ({text}): run `kongflow db upgrade`")
        case errors.InsufficientPrivilege():
            return StoreForbidden(
                f"this user may not do that at {place}: {text}. docs/operations.md has the GRANTs for each kind of work"
            )
        case errors.DiskFull():
            return StoreUnavailable(f"the disk of {place} is full ({text}). Nothing was written")
        case errors.ReadOnlySqlTransaction():
            return StoreUnavailable(
                f"{place} can only be read ({text}): it may be a replica; name all hosts in database.url and add "
                "target_session_attrs=read-write"
            )
        case _ if _is_poolers(error):
            return StoreUnavailable(
                f"{place} keeps nothing for a session ({text}). {POOLER_HINT}; a connection of your own needs "
                "prepare_threshold=None"
            )
        case _ if _is_refusal(error):
            return StoreRefused(f"PostgreSQL at {place} refused a row: {text}")
        case psycopg.OperationalError() | psycopg.InterfaceError() if not (error.sqlstate or "").startswith(_OPEN):
            return StoreUnavailable(f"{place} cannot be reached: {text}")
    return StoreError(f"PostgreSQL at {place} refused a statement: {text}")


def _of_transaction(error: psycopg.Error, place: str, text: str) -> StoreError:
    if isinstance(error, _IN_THE_WAY):
        return StoreBusy(f"another transaction was in the way at {place} ({text}); nothing was written: try again")
    return TransactionAborted(
        f"an earlier statement of this transaction on {place} has failed, and PostgreSQL takes no more of it: roll it "
        "back, or to a savepoint before that statement, and try again"
    )


def _lacks_ours(error: psycopg.Error, schema: str) -> bool:
    """Say whether something of our schema is missing, and not what a trigger of a user asks for."""
    named = str(error).partition("\n")[0]
    match error:
        case errors.UndefinedTable() | errors.UndefinedFunction():
            pass
        case errors.UndefinedColumn():  # names no schema; where it was met in a function, the first line says in which
            named = (error.diag.context or f"{schema}.").partition("\n")[0]
        case errors.InvalidSchemaName():
            return f'"{schema}"' in named
        case _:
            return False
    return f"{schema}." in named or f'"{schema}".' in named


def _is_refusal(error: psycopg.Error) -> bool:
    """Say whether the server, or psycopg in its place, was asked and said no, and will say so again."""
    answered = error.sqlstate is not None and not error.sqlstate.startswith((*_OF_THE_LINE, *_OPEN))
    return answered or isinstance(error, psycopg.DataError)


def _is_poolers(error: psycopg.Error) -> bool:
    """Say whether it is what a pooler says, or a server that a pooler has exchanged for another session of it."""
    lost = isinstance(error, (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement))
    return lost or "unsupported startup parameter" in str(error)


def _as_psycopg(error: BaseException) -> BaseException:
    """Return what psycopg would have raised where a caller's connection has another driver, asyncpg for one."""
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(error, psycopg.Error) or not sqlstate:
        return error
    try:
        kind = errors.lookup(sqlstate)
    except KeyError:
        kind = psycopg.DatabaseError
    known = kind(str(error.__cause__ or error))
    known.sqlstate = sqlstate
    return known

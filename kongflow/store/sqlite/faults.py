"""What SQLite's errors mean, in words: `database is locked` and a traceback never reach a user."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from kongflow.errors import SchemaOutOfDate, StoreBusy, StoreError, StoreRefused, StoreReplaced, StoreUnavailable


def explain(error: BaseException, path: Path) -> StoreError | None:
    """Return the error of ours for one of SQLite's, also where SQLAlchemy wrapped it; None where it is not SQLite's."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = str(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy(path)
    # Of a table that a trigger asks for it says `main.…`.
    if ("no such table" in text and "no such table: main." not in text) or "no such column" in text:
        return SchemaOutOfDate(f"the tables in {path} are missing or too old ({text}): run `kongflow db upgrade`")
    words = _cannot_open(path) if code == sqlite3.SQLITE_CANTOPEN else _WORDS.get(code, _OTHER_WORDS)
    kind = StoreRefused if is_refusal(error) else StoreUnavailable
    return kind(words.replace("{path}", str(path)).replace("{text}", text))


def is_refusal(error: sqlite3.Error) -> bool:
    """Say whether it may be one row that SQLite does not take: no lock, and nothing that is true of the whole file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSALS


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether SQLite met a damaged page."""
    return bool(getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT)


def busy(path: Path) -> StoreBusy:
    """Return the error for a file that somebody else has kept locked for too long."""
    return StoreBusy(
        f"another transaction has kept {path} locked for longer than we wait. SQLite has one lock for the whole file: "
        "look for a transaction that stays open while it waits for something else, such as a request or a prompt. "
        "Nothing was written"
    )


def forked(path: Path) -> StoreUnavailable:
    """Return the error for a file that was open when this process was forked off."""
    return StoreUnavailable(
        f"{path} was open in the process that this one was forked from, and SQLite's locks do not survive a fork: what "
        "this process wrote could be lost. Call initialize() only after the fork, or start processes with spawn"
    )


def replaced(path: Path) -> StoreReplaced:
    """Return the error for a file that is not there any more, or is another one."""
    return StoreReplaced(
        f"{path} was deleted or replaced while this process had it open: it works on a file that nobody else sees. "
        "Stop every process before you move a database, and start them again"
    )


def _cannot_open(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return "{path} is a directory, not a database file: correct database.url"
    if not folder.exists():
        return f"the folder {folder} does not exist: create it, or correct database.url"
    if not folder.is_dir():
        return f"{folder} is a file, so there can be no database in it: correct database.url"
    return "{path} cannot be opened: this user may not read and write the file and its folder"


_REFUSALS = {
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}
_WORDS = {
    sqlite3.SQLITE_CONSTRAINT: "a row that the tables in {path} do not hold was refused: {text}",
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database, and was left as it is: correct database.url",
    sqlite3.SQLITE_READONLY: "{path} can only be read: this user may not write it, or the URL says mode=ro",
    sqlite3.SQLITE_FULL: "the disk with {path} is full. Nothing was written; free some space and try again",
    sqlite3.SQLITE_IOERR: "the system could not read or write {path} ({text}): look at the disk and its file system",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged ({text}): restore a backup, or try `.recover` of the sqlite3 shell",
}
_OTHER_WORDS = "SQLite refused a statement on {path}: {text}"

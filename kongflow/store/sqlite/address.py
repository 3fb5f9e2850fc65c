"""Address: which file a database URL names, and how it is opened."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from kongflow.errors import InvalidOption, StoreUnavailable
from kongflow.store.sqlite.faults import busy, explain, forked
from kongflow.store.sqlite.files import Connection, was_open_at_fork

BUSY_TIMEOUT = 30.0
"""Seconds that we wait for the one lock of a file before StoreBusy."""
LOCK_SLICE = 0.25
"""Seconds of one wait inside SQLite. Its pauses grow to 100 ms; starting over keeps them under 50 ms."""
OLDEST_SQLITE = (3, 37, 0)
"""The first release with STRICT tables."""
_PAGE_CACHE_KIB = 16_384

_lenient_text = partial(str, encoding="utf-8", errors="replace")
"""A row that was added by SQL may hold bytes that are no UTF-8: they show as U+FFFD and disturb nobody else's job."""


@dataclass(frozen=True, slots=True)
class Address:
    """One SQLite file. `busy_timeout` is seconds; `mode` as in SQLite's own URIs: rwc, rw or ro. Only `rwc`, which may
    make the file, makes it one with a WAL.
    """

    path: Path
    synchronous: str = "full"
    busy_timeout: float = BUSY_TIMEOUT
    mode: str = "rwc"

    @property
    def looking(self) -> Address:
        """The same file for one who only looks: not made, and not changed. With `ro` a reader's -wal would stay."""
        return replace(self, mode="rw") if self.mode == "rwc" else self

    def connect(self, *, lock_slice: float = LOCK_SLICE) -> Connection:
        """Open a connection for one thread, without Python's own transactions.

        Raises: StoreUnavailable, StoreBusy.
        """
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreUnavailable(
                f"this Python brings SQLite {sqlite3.sqlite_version}, and KongFlow needs 3.37 or newer"
            )
        deadline = time.monotonic() + self.busy_timeout
        while True:
            try:
                return self._open(min(lock_slice, self.busy_timeout))
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise explain(error, self.path) or error from error
            if time.monotonic() >= deadline:
                raise busy(self.path)
            time.sleep(0.01)  # a change to WAL mode does not wait for the lock by itself

    def is_file(self, path: str) -> bool:
        """Say whether a path names this file."""
        try:
            return self.path.samefile(path)
        except OSError:
            return False

    def _open(self, timeout: float) -> Connection:
        if was_open_at_fork(self.path):
            raise forked(self.path)
        connection = sqlite3.connect(
            self.path.absolute().as_uri() + f"?mode={self.mode}",
            factory=Connection,
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.text_factory = _lenient_text
            connection.execute(f"pragma synchronous = {self.synchronous}")
            connection.execute(f"pragma cache_size = -{_PAGE_CACHE_KIB}")
            if self.mode == "rwc" and connection.execute("pragma journal_mode").fetchone()[0] != "wal":
                connection.execute("pragma journal_mode = wal")
            connection.execute("select count(*) from sqlite_master").fetchone()
            connection.count(self.path)
        except BaseException:
            connection.close()
            raise
        return connection


def parse_address(url: str) -> Address:
    """Return the file that a URL such as `sqlite:////var/lib/app/jobs.db?synchronous=normal` names.

    Parameters: `synchronous` (full, normal), `busy_timeout` (seconds), `mode` (rwc, rw, ro). Raises: InvalidOption.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidOption(f"database.url is not a URL: {url!r}; an example is sqlite:///kongflow.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise InvalidOption(f"database.url names {parsed.get_backend_name()!r}; this version works on sqlite")
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidOption("database.url must name a file: several threads and processes work on one database")
    parameters = dict(parsed.query)
    address = Address(
        Path(parsed.database).absolute(),
        synchronous=_choice(parameters, "synchronous", "full", "normal"),
        busy_timeout=_seconds(parameters.pop("busy_timeout", BUSY_TIMEOUT)),
        mode=_choice(parameters, "mode", "rwc", "rw", "ro"),
    )
    if parameters:
        unknown = ", ".join(sorted(parameters))
        raise InvalidOption(f"database.url has the parameter {unknown}; known are busy_timeout, mode and synchronous")
    return address


def _choice(parameters: dict[str, str | tuple[str, ...]], name: str, *allowed: str) -> str:
    value = parameters.pop(name, allowed[0])
    if value not in allowed:
        raise InvalidOption(f"database.url has {name}={value!r}; it must be one of {', '.join(allowed)}")
    return str(value)


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise InvalidOption(f"database.url has busy_timeout={value!r}; it must be seconds between 0 and 3600")
    return seconds

"""Freezing a process, as a host does whose disk or memory stalls."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import Any


def freeze(process: subprocess.Popen[Any], url: str) -> None:
    """Stop a process until it gets SIGCONT; never while it holds the lock of an SQLite file, which stops everybody.

    `url` is the database's.
    """
    process.send_signal(signal.SIGSTOP)
    while _is_locked(url):
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGSTOP)


def _is_locked(url: str) -> bool:
    if not url.startswith("sqlite:"):
        return False
    path = url.removeprefix("sqlite:///").partition("?")[0]
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
        connection.execute("rollback")
    return False

"""Which file a connection is on: one that was open when this process was forked off must not be opened here, and one
whose file was moved away or deleted works on something that nobody else sees.

SQLite remembers its locks by process and file. A forked child inherits that memory but not the locks: it would work
without any, and what it writes is lost when the parent closes the file (https://sqlite.org/howtocorrupt.html, "Carrying
an open database connection across a fork"). The memory is the process's, and so is this one.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path
from typing import TypeAlias

FileId: TypeAlias = tuple[int, int]
"""Device and inode."""

_open_here: Counter[FileId] = Counter()
_open_at_fork: set[FileId] = set()


class Connection(sqlite3.Connection):
    """A connection whose file counts as open here until it is closed."""

    _file: FileId | None = None

    def count(self, path: Path) -> None:
        """Count the file as open."""
        self._file = file_id(path)
        if self._file is not None:
            _open_here[self._file] += 1

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._file is not None:
            _open_here[self._file] -= 1
            self._file = None


def was_open_at_fork(path: Path) -> bool:
    """Say whether a file was open in the process that this one was forked from."""
    return file_id(path) in _open_at_fork


def file_id(path: Path) -> FileId | None:
    """Return what tells a file from every other, also from one that takes its place; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _in_child() -> None:
    _open_at_fork.update(file for file, count in _open_here.items() if count > 0)
    _open_here.clear()


os.register_at_fork(after_in_child=_in_child)

"""Paths of a project: what a pattern matches, where a path leads, what stands beside it. No path makes these raise."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from glob import glob
from pathlib import Path


def is_inside(root: Path, path: Path) -> bool:
    """Say whether a path leads to a place below `root`, which has no links itself; links in a circle lead nowhere."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(root)  # Path.resolve raises for a circle
    except ValueError:  # a NUL, or half a character: no file has that name, which reading it will say
        return True


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none where it cannot be listed."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except OSError:
        return []


def refuse_irregular(path: Path) -> None:
    """Do nothing for a regular file. Raises: OSError for anything else: a named pipe would be waited for."""
    try:
        mode = path.stat().st_mode
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def matching(root: Path, pattern: str) -> list[str]:
    """Return what a pattern matches below `root`, sorted, as `glob` does: `**` is any number of folders, hidden names
    must be named. A folder is looked into once, whatever links lead to it, so that links in a circle come to an end.
    """
    parts = [part for part in pattern.split("/") if part]
    if parts[-1:] == ["**"]:
        parts.append("*")
    found = [""]
    for part in parts:
        if part == "**":
            found = list(_folders(root, found, deep=True))
        else:
            found = [
                posixpath.join(folder, name) for folder in _folders(root, found) for name in _names(root, folder, part)
            ]
    return sorted(found)


def _folders(root: Path, paths: list[str], *, deep: bool = False) -> Iterator[str]:
    """Yield those of the paths that are folders, each real one once; `deep`: and every folder below them."""
    seen: set[str] = set()
    pending = paths[::-1]
    while pending:
        folder = pending.pop()
        real = os.path.realpath(root / folder)
        if real in seen or not os.path.isdir(real):  # noqa: PTH112 - Path.is_dir raises where it may not look
            continue
        seen.add(real)
        yield folder
        if deep and Path(real).is_relative_to(root):
            pending += [posixpath.join(folder, name) for name in reversed(_names(root, folder, "*"))]


def _names(root: Path, folder: str, pattern: str) -> list[str]:
    return sorted(glob(pattern, root_dir=root / folder))  # noqa: PTH207 - Path.glob shows hidden files

"""Versions: another version of a configuration, to compare with: a commit of git, or a folder beside this one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kongflow.errors import ConfigUnreadable

SUFFIXES = (".yaml", ".yml", ".json")
"""Of the files of a version that are read: what a configuration names beside handlers."""

MAX_BYTES = 256 << 20
"""Of all of them together."""

GIT = "git:"
_LINK = "120"
"""What the mode of a link begins with; that of a file begins with 100."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version on the disk, and what it is called."""

    name: str
    config: Path


@contextmanager
def version_at(against: str, config: Path) -> Iterator[Version]:
    """Give the version that `git:REF`, or the path of a folder or file, names; `config` is ours. What git knows of it
    is written into a folder that goes with the block. Raises: ConfigUnreadable.
    """
    if not against:
        raise ConfigUnreadable(
            "the version to compare with is empty; write for example git:main, or the path of a folder"
        )
    if against.startswith(GIT):
        with tempfile.TemporaryDirectory(prefix="kongflow-") as folder:
            root = Path(folder)
            _write_tree(against.removeprefix(GIT), config.parent, root)
            if not (root / config.name).exists():
                raise ConfigUnreadable(f"{against} has no {config.name} in {config.parent}")
            yield Version(against, root / config.name)
    else:
        path = Path(against)
        yield Version(against, path / config.name if path.is_dir() else path)


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a commit, or a link."""

    path: PurePosixPath
    id: str
    size: int
    is_link: bool


def _write_tree(ref: str, folder: Path, target: Path) -> None:
    """Write the files of a commit that stand in our folder or below. Raises: ConfigUnreadable."""
    files = _files_of(ref, folder)
    if sum(file.size for file in files) > MAX_BYTES:
        raise ConfigUnreadable(
            f"the YAML and JSON files of {GIT}{ref} in {folder} are larger than {MAX_BYTES >> 20} MiB"
        )
    contents = _git(folder, "cat-file", "--batch", stdin="".join(f"{file.id}\n" for file in files).encode())
    at = 0
    for file in files:
        start = contents.index(b"\n", at) + 1
        _write(target, file, contents[start : start + file.size])
        at = start + file.size + 1


def _files_of(ref: str, folder: Path) -> list[_File]:
    """Return what a commit has in our folder or below. Raises: ConfigUnreadable."""
    if not ref.isprintable() or not ref or ref.startswith("-"):
        raise ConfigUnreadable(f"{GIT}{ref} names no commit; write for example {GIT}main, or {GIT}HEAD~1")
    found: list[_File] = []
    for line in _git(folder, "ls-tree", "-r", "-z", "-l", ref).decode(errors="surrogateescape").split("\0"):
        about, _, name = line.partition("\t")
        if about.startswith(("100", _LINK)) and name.endswith(SUFFIXES):
            _, _, id, size = about.split()
            if not size.isdecimal():
                raise ConfigUnreadable(f"git has lost what stands in {name} of {GIT}{ref}")
            found.append(_File(PurePosixPath(name), id, int(size), about.startswith(_LINK)))
    return found


def _write(root: Path, file: _File, content: bytes) -> None:
    """Write one file of a commit below `root`; a link, if what it leads to is below it, too."""
    path = root.joinpath(*(part for part in file.path.parts if part not in ("..", "/")))
    if file.is_link and not _stays_below(file.path.parent, content):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.is_link:
        path.symlink_to(os.fsdecode(content))
    else:
        path.write_bytes(content)


def _stays_below(folder: PurePosixPath, link: bytes) -> bool:
    """Say whether a link that stands in a folder leads up no further than to the root, and not up again after that."""
    parts = PurePosixPath(os.fsdecode(link)).parts
    up = len(parts) - len([part for part in parts if part != ".."])
    return up <= len(folder.parts) and ".." not in parts[up:] and "/" not in parts


_UNKNOWN = "Not a valid object name"


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return what git prints. Raises: ConfigUnreadable, with what it complains of."""
    try:
        # Whichever git the caller's shell would start; what is asked for is a list of words, and no shell reads it.
        done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, capture_output=True, check=False)  # noqa: S603, S607
    except OSError as problem:
        if not folder.is_dir():
            raise ConfigUnreadable(f"there is no folder {folder}") from None
        raise ConfigUnreadable(f"git cannot be started: {problem.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        advice = "; a shallow clone, as CI makes it, has to fetch it first" if _UNKNOWN in said[0] else ""
        raise ConfigUnreadable(f"git {arguments[0]} in {folder} failed: {said[0]}{advice}")
    return done.stdout

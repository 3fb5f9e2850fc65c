"""`kongflow init`: a small project that runs. It writes all of its files or none, and never over anything."""

from __future__ import annotations

import shlex
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from kongflow.cli.options import ALONE, epilogue
from kongflow.cli.output import note
from kongflow.errors import KongFlowError

_IGNORE = ".gitignore"


class FilesExist(KongFlowError):
    """Files that `init` would write are there already; nothing was written."""


@click.command(
    "init",
    epilog=epilogue(
        """
        kongflow init
        kongflow init emails && cd emails && kongflow enqueue greet --arg name=Ada && kongflow run --once
        """,
        ALONE,
        1,
    ),
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def command(folder: Path) -> None:
    """Write a small project that runs.

    kongflow.yaml, tasks.py with two plain functions, a schema for a payload, the schema of kongflow.yaml for editors,
    and a .gitignore for the database. Files that exist are never overwritten.
    """
    files = starter_files()
    ignored = files[_IGNORE].decode().split()
    has_one = (folder / _IGNORE).exists()  # as a project under version control has
    if has_one:
        del files[_IGNORE]
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise FilesExist(
            f"{', '.join(there)} already exist{'s' * (len(there) == 1)} in {folder.resolve()}; nothing was written. "
            "Start in an empty folder: kongflow init FOLDER"
        )
    for name, content in files.items():
        _write(folder / name, content)
        click.echo(f"created  {name}")
    if has_one:
        note(f"{_IGNORE} is left as it is; let it have {' '.join(ignored)}")
    cd = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    note(f"→ next: {cd}kongflow validate && kongflow enqueue greet --arg name=Ada && kongflow run --once")


def starter_files() -> dict[str, bytes]:
    """Return the files of the starter project by their path in it."""
    starter = resources.files("kongflow.cli") / "starter"
    schema = resources.files("kongflow.config") / "kongflow.schema.json"
    return {**_files_in(starter, ""), "kongflow.schema.json": schema.read_bytes()}


def _files_in(folder: Traversable, prefix: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            files |= _files_in(entry, f"{prefix}{entry.name}/")
        elif entry.is_file():
            files[prefix + entry.name] = entry.read_bytes()
    return files


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except OSError as problem:
        raise KongFlowError(f"cannot write {path}: {problem.strerror}") from None

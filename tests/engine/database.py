"""Which database the runners of a folder work on, in this process and in others."""

from __future__ import annotations

from pathlib import Path


def note_url(folder: Path, url: str) -> None:
    """Let everything that works in a folder work on this database."""
    (folder / "database-url").write_text(url)


def url_of(folder: Path) -> str:
    """Return the URL of the folder's database."""
    return (folder / "database-url").read_text()

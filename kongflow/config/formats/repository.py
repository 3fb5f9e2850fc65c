"""Findings as a repository shows them: their files by the path from its root, and what tells them from one another."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kongflow.config.findings import Finding, Place

_POSITION = re.compile(r":\d+:\d+|(?<=\bline )\d+")
"""A place in a message, such as that of what was declared first."""


def repository_root(folder: Path) -> Path:
    """Return the nearest folder, this one or above it, that is the top of a Git checkout; the folder itself if none."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def seen_from_root(findings: Iterable[Finding], folder: Path) -> tuple[Finding, ...]:
    """Return findings whose files are shown from a folder, as hosts of repositories look for them: from the root of
    its checkout. Files outside keep their path, and so does standard input.
    """
    root = repository_root(folder)

    def shown(file: str) -> str:
        if file.startswith("<"):
            return file
        path = folder / file
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else file

    return tuple(
        replace(
            found,
            file=shown(found.file),
            related=tuple(
                replace(near, place=Place(shown(near.place.file), near.place.span)) for near in found.related
            ),
        )
        for found in findings
    )


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """Return what tells each finding from all others, and stays when the lines around it move: a hash of slug, file,
    JSON path and message, without the places that a message names. Equal findings are told apart by their order.
    """
    seen: Counter[str] = Counter()
    result = []
    for found in findings:
        facts = "\0".join((found.slug, found.file, found.json_path, _POSITION.sub("", found.message)))
        seen[facts] += 1
        text = f"{facts}\0{seen[facts]}"
        result.append(hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest())
    return result

"""Include: from the patterns of kongflow.yaml to the files they name, in order, all inside the project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kongflow.config.findings import Finding, Place, finding, quoted, suggestion
from kongflow.config.paths import is_inside, matching, names_in
from kongflow.config.shape import Shaped


@dataclass(frozen=True, slots=True)
class Included:
    """The files that `include` names, sorted within a pattern, each once whatever links lead to it; and what is wrong
    with the patterns.
    """

    paths: Mapping[Path, Place]
    """Each file, with the place of the pattern that names it first."""
    findings: tuple[Finding, ...]


def included_files(main: Shaped, root: Path) -> Included:
    """Return the files that a kongflow.yaml includes. `root` is the project's folder, without symbolic links."""
    paths: dict[Path, Place] = {}
    seen: set[str] = set()
    findings: list[Finding] = []
    patterns = main.value.get("include", []) if ("include",) not in main.broken else []
    for index, pattern in enumerate(patterns):
        for found in _matches(main, root, pattern, index):
            if isinstance(found, Finding):
                findings.append(found)
            elif (real := os.path.realpath(found)) not in seen:
                seen.add(real)
                paths[found] = main.document.value_place(("include", index))
    return Included(paths, tuple(findings))


def _matches(main: Shaped, root: Path, pattern: str, index: int) -> Iterator[Path | Finding]:
    place = main.document.value_place(("include", index))
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        message = f"{quoted(pattern)} leads out of the project"
        yield finding("path-escape", place, message, "included files live in the folder of kongflow.yaml or below")
        return
    names = matching(root, pattern)
    files = [root / name for name in names if not os.path.isdir(root / name)]  # noqa: PTH112 - Path.is_dir raises
    if not files:
        advice = f"write {pattern.rstrip('/')}/*.yaml" if names else _nearest_folder(root, pattern)
        yield finding("include-not-found", place, f"{quoted(pattern)} matches no file", advice)
    for path in files:
        if not is_inside(root, path):
            message = f"{path.relative_to(root)} is a link that leads out of the project"
            yield finding("path-escape", place, message, "included files live in the folder of kongflow.yaml or below")
        elif os.path.realpath(path) == os.path.realpath(main.document.path):
            advice = "put what is included into a folder of its own, such as catalog/*.yaml"
            yield finding("include-self", place, f"{quoted(pattern)} matches {path.name} itself", advice)
        else:
            yield path


def _nearest_folder(root: Path, pattern: str) -> str:
    first, _, rest = pattern.partition("/")
    names = [
        name
        for name in names_in(root)
        if not name.startswith(".") and os.path.isdir(root / name) == bool(rest)  # noqa: PTH112
    ]
    nearest = suggestion(first, names)
    if nearest and first not in names:
        return nearest.replace("'?", f"/{rest}'?") if rest else nearest
    return f"patterns are relative to {root.name}/, the folder of kongflow.yaml"

"""Include: from the patterns of kongflow.yaml to the files they name, in order, all inside the project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from kongflow.config.findings import Finding, Place, finding, quoted, suggestion
from kongflow.config.shape import Shaped


@dataclass(frozen=True, slots=True)
class Included:
    """The files that `include` names, each once, sorted within a pattern; and what is wrong with the patterns."""

    paths: Mapping[Path, Place]
    """Each file, with the place of the pattern that names it first."""
    findings: tuple[Finding, ...]


def included_files(main: Shaped, root: Path) -> Included:
    """Return the files that a kongflow.yaml includes. `root` is the project's folder, without symbolic links."""
    paths: dict[Path, Place] = {}
    findings: list[Finding] = []
    patterns = main.value.get("include", []) if ("include",) not in main.broken else []
    for index, pattern in enumerate(patterns):
        for found in _matches(main, root, pattern, index):
            if isinstance(found, Finding):
                findings.append(found)
            else:
                paths.setdefault(found, main.document.value_place(("include", index)))
    return Included(paths, tuple(findings))


def _matches(main: Shaped, root: Path, pattern: str, index: int) -> Iterator[Path | Finding]:
    place = main.document.value_place(("include", index))
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        message = f"{quoted(pattern)} leads out of the project"
        yield finding("path-escape", place, message, "included files live in the folder of kongflow.yaml or below")
        return
    names = sorted(glob(pattern, root_dir=root, recursive=True))  # noqa: PTH207 - Path.glob shows hidden files
    files = [root / name for name in names if not (root / name).is_dir()]
    if not files:
        advice = f"write {pattern.rstrip('/')}/*.yaml" if names else _nearest_folder(root, pattern)
        yield finding("include-not-found", place, f"{quoted(pattern)} matches no file", advice)
    for path in files:
        real = path.resolve()
        if not real.is_relative_to(root):
            message = f"{path.relative_to(root)} is a link that leads out of the project"
            yield finding("path-escape", place, message, "included files live in the folder of kongflow.yaml or below")
        elif real == main.document.path.resolve():
            advice = "put what is included into a folder of its own, such as catalog/*.yaml"
            yield finding("include-self", place, f"{quoted(pattern)} matches {path.name} itself", advice)
        else:
            yield path


def _nearest_folder(root: Path, pattern: str) -> str:
    first, _, rest = pattern.partition("/")
    names = [path.name for path in root.iterdir() if path.is_dir() == bool(rest) and not path.name.startswith(".")]
    nearest = suggestion(first, names)
    if nearest and first not in names:
        return nearest.replace("'?", f"/{rest}'?") if rest else nearest
    return f"patterns are relative to {root.name}/, the folder of kongflow.yaml"

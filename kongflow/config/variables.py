"""Variables: where a configuration uses which, and whether they are set. Never what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kongflow.config.document import Document, KeyPath
from kongflow.config.environment import Piece, variable_in
from kongflow.config.findings import Place
from kongflow.config.project import Entry, Project
from kongflow.config.template_positions import place_in_scalar


@dataclass(frozen=True, slots=True)
class Use:
    """One variable in one text."""

    name: str
    default: str | None
    """None: it has none."""
    is_set: bool
    place: Place
    path: KeyPath
    is_whole: bool
    """Whether the text is this variable and no more."""


def uses_below(entry: Entry, steps: KeyPath) -> Iterator[Use]:
    """Yield the variables in the value at these steps of an entry."""
    base = (*entry.path, *steps)
    for path, pieces in entry.filled.items():
        if path[: len(base)] == base:
            yield from _uses(entry.document, path, pieces)


def uses_of(project: Project) -> tuple[Use, ...]:
    """Return every variable of a configuration, in the order of its files."""
    named = (project.tasks, project.tombstones, project.queues, project.policies, project.schedules)
    entries = [project.main, *(entry for section in named for entry in section.values())]
    files: dict[str, tuple[Document, Mapping[KeyPath, tuple[Piece, ...]]]] = {
        entry.document.file: (entry.document, entry.filled) for entry in reversed(entries)
    }
    first = project.main.document.file
    found: list[Use] = []
    for file in sorted(files, key=lambda each: (each != first, each)):
        document, filled = files[file]
        uses = [use for path, pieces in filled.items() for use in _uses(document, path, pieces)]
        found += sorted(uses, key=lambda use: (use.place.span.line, use.place.span.col))
    return tuple(found)


def _uses(document: Document, path: KeyPath, pieces: Sequence[Piece]) -> Iterator[Use]:
    node = document.scalar_node(path)
    for piece in pieces:
        written = None if node is None or not piece.is_variable else variable_in(node.value[piece.start : piece.end])
        if node is not None and written is not None:
            name, default = written
            place = place_in_scalar(document.source, node, piece.start, piece.end)
            yield Use(name, default, piece.origin == f"the value of {name}", place, path, len(pieces) == 1)

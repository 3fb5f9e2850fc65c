"""Project: everything that a configuration declares, by name, still as it is written; and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kongflow.config.document import Document, KeyPath
from kongflow.config.environment import Piece, range_as_written
from kongflow.config.findings import Finding, Place, Related, finding, quoted
from kongflow.config.shape import Shaped
from kongflow.config.template_positions import place_in_scalar
from kongflow.core.json import Json

SECTIONS = {"tasks": "task", "queues": "queue", "retry_policies": "retry policy", "schedules": "schedule"}
"""The keys that declare something by name, and what that is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One declaration: its shaped value, and where in which file it stands. Steps are keys below its own path."""

    name: str
    """That of a task, queue, policy or schedule; a section of kongflow.yaml has none, whatever its key."""
    value: dict[str, Json]
    document: Document
    path: KeyPath
    broken: frozenset[KeyPath]
    filled: Mapping[KeyPath, tuple[Piece, ...]]

    def failed(self, *steps: str | int) -> bool:
        """Say whether the value at these steps, or what it stands in, was left out for a finding of its own."""
        path = (*self.path, *steps)
        return any(path[:length] in self.broken for length in range(len(path) + 1))

    def varies(self, *steps: str | int) -> bool:
        """Say whether a variable is in the text at these steps: it is not the same in every deployment."""
        return (*self.path, *steps) in self.filled

    def key_place(self, *steps: str | int) -> Place:
        """Return the place of a key below this entry; without steps, of its own name."""
        return self.document.key_place((*self.path, *steps))

    def value_place(self, *steps: str | int) -> Place:
        """Return the place of a value below this entry."""
        return self.document.value_place((*self.path, *steps))

    def text_place(self, steps: KeyPath, start: int, end: int) -> Place:
        """Return the place of the characters `start` to `end` of a text below this entry, variables filled in."""
        path = (*self.path, *steps)
        node = self.document.scalar_node(path)
        if node is None:
            return self.value_place(*steps)
        if path in self.filled:
            start, end = range_as_written(self.filled[path], start, end)
        return place_in_scalar(self.document.source, node, start, end)

    def below(self, *steps: str) -> Entry:
        """Return a mapping inside this entry as an entry; it is empty where nothing stands there."""
        value: Json = self.value
        for step in steps:
            inner = value.get(step)
            value = inner if isinstance(inner, dict) else {}
        return Entry("", value, self.document, (*self.path, *steps), self.broken, self.filled)


@dataclass(frozen=True, slots=True)
class Project:
    """What all files declare together. `root` is the folder of kongflow.yaml, without symbolic links."""

    root: Path
    main: Entry
    tasks: Mapping[str, Entry]
    tombstones: Mapping[str, Entry]
    queues: Mapping[str, Entry]
    policies: Mapping[str, Entry]
    schedules: Mapping[str, Entry]

    @property
    def task_defaults(self) -> Entry:
        """`defaults.task` of kongflow.yaml; empty where it is not given."""
        return self.main.below("defaults", "task")

    def heirs(self, key: str) -> tuple[Entry, ...]:
        """Return the tasks for which a key of `defaults.task` holds: those that do not give it themselves."""
        return tuple(task for task in self.tasks.values() if key not in task.value and not task.failed(key))


def declare(root: Path, shaped: Sequence[Shaped]) -> tuple[Project, tuple[Finding, ...]]:
    """Return the project of shaped files, kongflow.yaml first, and every name that is declared twice."""
    findings: list[Finding] = []
    tasks, queues, policies, schedules = (_named(section, shaped, findings) for section in SECTIONS)
    gone = {name for name, entry in tasks.items() if {"renamed_to", "removed"} & _keys(entry)}
    project = Project(
        root,
        Entry("", shaped[0].value, shaped[0].document, (), shaped[0].broken, shaped[0].filled),
        {name: entry for name, entry in tasks.items() if name not in gone},
        {name: entry for name, entry in tasks.items() if name in gone},
        queues,
        policies,
        schedules,
    )
    return project, tuple(findings)


def _keys(entry: Entry) -> set[str]:
    """Return the keys that are written in an entry, those that failed included."""
    depth = len(entry.path)
    return {
        *entry.value,
        *(str(path[depth]) for path in entry.broken if len(path) > depth and path[:depth] == entry.path),
    }


def _named(section: str, shaped: Sequence[Shaped], findings: list[Finding]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for file in shaped:
        for name, value in file.value.get(section, {}).items():
            entry = Entry(name, value, file.document, (section, name), file.broken, file.filled)
            if name in entries:
                findings.append(_declared_twice(section, entries[name], entry))
            else:
                entries[name] = entry
    return entries


def _declared_twice(section: str, first: Entry, second: Entry) -> Finding:
    place = first.key_place()
    message = f"the {SECTIONS[section]} {quoted(second.name)} is also declared at {place}"
    advice = "names are common to all files; rename or delete one"
    return finding("include-duplicate", second.key_place(), message, advice, (Related(place, "first declared here"),))

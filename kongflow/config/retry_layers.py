"""Retry layers: from which places in the files the fields of a task's retry policy come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from kongflow.config.build import policy_of
from kongflow.config.document import KeyPath
from kongflow.config.findings import Place
from kongflow.config.project import Entry, Project
from kongflow.core.json import Json
from kongflow.core.retry import RetryPolicy

LayerKey: TypeAlias = tuple[str, KeyPath, bool]
"""What tells a layer from others: its file, its path, and whether it is a policy or the key of a task."""


@dataclass(frozen=True)
class Layer:
    """One place that gives fields of a policy: a declared policy, one written at a task, or the key of a task."""

    entry: Entry
    fields: Mapping[str, Json]

    @property
    def key(self) -> LayerKey:
        """See LayerKey."""
        return self.entry.document.file, self.entry.path, self.is_policy

    @property
    def is_policy(self) -> bool:
        """False for the `max_attempts` of a task itself."""
        return self.fields is self.entry.value

    @property
    def is_whole(self) -> bool:
        """False where a value of the policy was left out for a finding of its own."""
        path = self.entry.path
        return not self.is_policy or not any(broken[: len(path)] == path for broken in self.entry.broken)

    def value_place(self, field: str) -> Place:
        """Return the place of a field's value."""
        return self.entry.value_place(field)


@dataclass(frozen=True)
class LayeredPolicy:
    """The policy of one task, with the layers that it comes from, the nearest to the task first."""

    task: Entry
    layers: tuple[Layer, ...]

    @cached_property
    def policy(self) -> RetryPolicy:
        """The resolved policy."""
        return policy_of(*(layer.fields for layer in self.layers))

    def rank(self, field: str) -> int:
        """Return which layer gives a field, 0 is the nearest to the task; their number where it is built in."""
        return next((rank for rank, layer in enumerate(self.layers) if field in layer.fields), len(self.layers))

    def giver(self, field: str) -> Layer | None:
        """Return the layer that gives a field; None where it is built in."""
        rank = self.rank(field)
        return self.layers[rank] if rank < len(self.layers) else None

    def varies(self, *fields: str) -> bool:
        """Say whether a variable gives one of these fields."""
        givers = ((field, self.giver(field)) for field in fields)
        return any(giver is not None and giver.entry.varies(field) for field, giver in givers)


def layered_policies(project: Project) -> tuple[LayeredPolicy, ...]:
    """Return the policy of every task of which each layer is known: none has a finding, and each name is declared."""
    found: list[LayeredPolicy] = []
    default = project.policies.get("default")
    below = () if default is None else (default,)
    of_defaults = tuple(_of_level(project, project.task_defaults))
    for task in project.tasks.values():
        layers = (*_of_level(project, task), *of_defaults, *(Layer(entry, entry.value) for entry in below))
        if all(layer is not None and layer.is_whole for layer in layers):
            found.append(LayeredPolicy(task, tuple(layer for layer in layers if layer is not None)))
    return tuple(found)


def _of_level(project: Project, level: Entry) -> Iterator[Layer | None]:
    """Yield the layers of a task, or of the defaults; None for one that is not known."""
    if level.failed("retry") or level.failed("max_attempts"):
        yield None
    if "max_attempts" in level.value:
        yield Layer(level, {"max_attempts": level.value["max_attempts"]})
    retry = level.value.get("retry")
    if isinstance(retry, dict):
        inner = level.below("retry")
        yield Layer(inner, inner.value)
    elif retry is not None and retry in project.policies:
        entry = project.policies[retry]
        yield Layer(entry, entry.value)
    elif retry not in (None, "default"):
        yield None

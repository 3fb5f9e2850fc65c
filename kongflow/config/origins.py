"""Origins: where each value of the resolved configuration comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kongflow.config.document import KeyPath
from kongflow.config.findings import Place
from kongflow.config.precedence import Layer, policy_layers, retry_layers, task_layers
from kongflow.config.project import Entry, Project
from kongflow.config.variables import Use, uses_below
from kongflow.core.json import Json


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value is written. No place: it is built in."""

    place: Place | None = None
    """That of its key."""
    through: str = ""
    """How what stands there comes here: `defaults.task`, `retry policy quick`, the file of a schema as it is named."""
    variables: tuple[Use, ...] = ()
    """Those whose values are part of it."""

    def __str__(self) -> str:
        if self.place is None:
            return "default"
        variables = [
            f"${{{use.name}}} from {'the environment' if use.is_set else 'its default'}" for use in self.variables
        ]
        return ", ".join([f"{self.place}{f' ({self.through})' if self.through else ''}", *variables])


BUILT_IN = Origin()
_NAMES_A_FILE = ("payload", "result")
"""Keys whose text names the file of a schema."""


def origin_of(project: Project, path: KeyPath) -> Origin:
    """Return where the value at a path of the resolved configuration comes from; a path has the keys of kongflow.yaml,
    but that `retry` of a task is the policy itself.
    """
    layers, keys = _layers(project, path)
    for layer in layers:
        if keys[0] in layer.values:
            return _written(layer, keys) if _has(layer.values, keys) else BUILT_IN
    return BUILT_IN


def _layers(project: Project, path: KeyPath) -> tuple[Sequence[Layer], KeyPath]:
    """Return what may give a value, and the keys that lead to it in each."""
    match path:
        case ("tasks", str(name), "retry", *keys) if keys and name in project.tasks:
            return retry_layers(project.tasks[name], project.task_defaults, project.policies), tuple(keys)
        case ("tasks", str(name), *keys) if keys and name in project.tasks:
            return task_layers(project.tasks[name], project.task_defaults), tuple(keys)
        case ("retry_policies", str(name), *keys) if keys:
            return policy_layers(name, project.policies), tuple(keys)
    for section, named in _named(project):
        if path[0] == section and len(path) > 2 and path[1] in named:
            return [Layer(named[str(path[1])])], path[2:]
    return [Layer(project.main)], path


def _named(project: Project) -> Iterator[tuple[str, dict[str, Entry]]]:
    yield "tasks", dict(project.tombstones)
    yield "queues", dict(project.queues)
    yield "schedules", dict(project.schedules)


def _has(value: Json, keys: KeyPath) -> bool:
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _written(layer: Layer, keys: KeyPath) -> Origin:
    steps = (*layer.steps, *keys)
    named = layer.values[str(keys[0])] if keys[0] in _NAMES_A_FILE else None
    through = named if isinstance(named, str) else layer.through
    return Origin(layer.entry.key_place(*steps), through, tuple(uses_below(layer.entry, steps)))

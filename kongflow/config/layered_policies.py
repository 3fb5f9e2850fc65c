"""Layered policies: the retry policy of each task, with the places in the files that its fields come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from kongflow.config.build import policy_of
from kongflow.config.document import KeyPath
from kongflow.config.precedence import Layer, retry_layers
from kongflow.config.project import Entry, Project
from kongflow.core.retry import RetryPolicy

LayerKey: TypeAlias = tuple[str, KeyPath, bool]
"""What tells a layer from others: its file, its path, and whether it is a policy or a key of a task."""


@dataclass(frozen=True)
class LayeredPolicy:
    """The policy of one task, with the layers that it comes from, the nearest to the task first."""

    task: Entry
    layers: tuple[Layer, ...]

    @cached_property
    def policy(self) -> RetryPolicy:
        """The resolved policy."""
        return policy_of(self.layers)

    def rank(self, field: str) -> int:
        """Return which layer gives a field, 0 is the nearest to the task; their number where it is built in."""
        return next((rank for rank, layer in enumerate(self.layers) if layer.gives(field)), len(self.layers))

    def giver(self, field: str) -> Layer | None:
        """Return the layer that gives a field; None where it is built in."""
        rank = self.rank(field)
        return self.layers[rank] if rank < len(self.layers) else None

    def varies(self, *fields: str) -> bool:
        """Say whether a variable gives one of these fields."""
        givers = ((field, self.giver(field)) for field in fields)
        return any(giver is not None and giver.varies(field) for field, giver in givers)


def layered_policies(project: Project) -> tuple[LayeredPolicy, ...]:
    """Return the policy of every task of which each layer is known: none has a finding, and each name is declared."""
    defaults, policies = project.task_defaults, project.policies
    if not _is_known(project, defaults):
        return ()
    known = (task for task in project.tasks.values() if _is_known(project, task))
    found = (LayeredPolicy(task, tuple(retry_layers(task, defaults, policies))) for task in known)
    return tuple(policy for policy in found if all(map(is_whole, policy.layers)))


def key_of(layer: Layer) -> LayerKey:
    """See LayerKey."""
    return layer.entry.document.file, layer.path, is_policy(layer)


def is_policy(layer: Layer) -> bool:
    """False for the `max_attempts` of a task itself."""
    return layer.only is None


def is_whole(layer: Layer) -> bool:
    """False where a value of the policy was left out for a finding of its own."""
    length = len(layer.path)
    return not is_policy(layer) or not any(broken[:length] == layer.path for broken in layer.entry.broken)


def _is_known(project: Project, level: Entry) -> bool:
    named = level.value.get("retry")
    is_declared = not isinstance(named, str) or named == "default" or named in project.policies
    return is_declared and not level.failed("retry") and not level.failed("max_attempts")

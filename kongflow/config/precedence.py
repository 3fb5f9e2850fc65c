"""Precedence: which of the places that may give a value does. The catalog and `config --origin` ask the same.

option of the call > key of the task > field written in the policy that the task names > key of `defaults.task` > field
in the policy that `defaults.task` names > the policy `default` as it is written > built in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from kongflow.config.document import KeyPath
from kongflow.config.findings import Place
from kongflow.config.project import Entry
from kongflow.core.json import Json


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that may give values by their keys."""

    entry: Entry
    steps: KeyPath = ()
    """Where in the entry the values stand."""
    through: str = ""
    """Why it counts for what has not written it itself: `defaults.task`, `retry policy quick`."""
    only: frozenset[str] | None = None
    """The keys that count here; None is every key."""

    @property
    def path(self) -> KeyPath:
        """Where in its file the values stand."""
        return (*self.entry.path, *self.steps)

    @property
    def values(self) -> dict[str, Json]:
        """The values that it gives."""
        return {key: value for key, value in self._written.items() if self.only is None or key in self.only}

    def gives(self, key: str) -> bool:
        """Say whether it gives this value."""
        return key in self._written and (self.only is None or key in self.only)

    def varies(self, key: str) -> bool:
        """Say whether a variable gives this value."""
        return self.entry.varies(*self.steps, key)

    def key_place(self, key: str) -> Place:
        """Return the place of a key that it gives."""
        return self.entry.key_place(*self.steps, key)

    def value_place(self, key: str) -> Place:
        """Return the place of a value that it gives."""
        return self.entry.value_place(*self.steps, key)

    @property
    def _written(self) -> Mapping[str, Json]:
        found: Json = self.entry.value
        for step in self.steps:
            found = found[step]
        return cast("Mapping[str, Json]", found)


def values_of(layers: Sequence[Layer]) -> dict[str, Json]:
    """Return every value that is given, each from the first layer that has it."""
    values: dict[str, Json] = {}
    for layer in reversed(layers):
        values |= layer.values
    return values


def task_layers(task: Entry, defaults: Entry) -> list[Layer]:
    """Return what gives the keys of a task."""
    return [Layer(task), Layer(defaults, through="defaults.task")]


def retry_layers(task: Entry, defaults: Entry, policies: Mapping[str, Entry]) -> list[Layer]:
    """Return what gives the fields of a task's retry policy, each by itself."""
    layers: list[Layer] = []
    for level in task_layers(task, defaults):
        layers.append(Layer(level.entry, (), level.through, frozenset({"max_attempts"})))
        named = level.entry.value.get("retry")
        if isinstance(named, dict):
            layers.append(Layer(level.entry, ("retry",), level.through))
        elif isinstance(named, str) and named in policies:
            layers.append(_policy(policies[named], level.through))
    return layers + _default(policies)


def policy_layers(name: str, policies: Mapping[str, Entry]) -> list[Layer]:
    """Return what gives the fields of a declared policy."""
    own = [Layer(policies[name])] if name in policies else []
    return own + ([] if name == "default" else _default(policies))


def _policy(policy: Entry, through: str = "") -> Layer:
    named = f"retry policy {policy.name}"
    return Layer(policy, (), f"{through}, {named}" if through else named)


def _default(policies: Mapping[str, Entry]) -> list[Layer]:
    return [_policy(policies["default"])] if "default" in policies else []

"""Declaration: what a catalog says of its tasks, queues and schedules, as plain JSON, to be compared with a later one.

A runner publishes it with its config; `kongflow plan` reads it. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kongflow.core.catalog import Catalog, content_hash
from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import Task
from kongflow.core.template import Template

HOLD_AT_CLAIM: Final = frozenset(
    {"handler", "payload", "result", "timeout", "cancel_grace", "crash_limit", "isolation", "memory_limit", "keep"}
)
"""Fields of a task that hold for jobs that wait already; so do those of its retry policy. Others hold when a job is
added."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as it was. Of schemas `before` and `after` are hashes, or None where there is none."""

    field: str
    before: Json
    after: Json

    @property
    def holds_at_claim(self) -> bool:
        """True where it changes what becomes of a task's jobs that wait already."""
        return self.field in HOLD_AT_CLAIM or self.field.startswith("retry.")


def declaration(catalog: Catalog) -> Json:
    """Return what a catalog publishes, with what it says of each task."""
    return {**catalog.published(), "tasks": {name: _task(task) for name, task in sorted(catalog.tasks.items())}}


def differences(before: Json, after: Json) -> tuple[Difference, ...]:
    """Return the fields that differ between two declarations of one thing; names are dotted."""
    return tuple(_differences(before, after, ""))


def _differences(before: Json, after: Json, prefix: str) -> Iterator[Difference]:
    for key in dict.fromkeys((*after, *before)):
        old, new, field = before.get(key), after.get(key), f"{prefix}{key}"
        if key in ("retry", "catchup") and isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{field}.")
        elif old != new:
            yield Difference(field, old, new)


def _task(task: Task) -> Json:
    retry = task.retry
    return {
        "handler": task.handler,
        "payload": _hash(task.payload_schema),
        "result": _hash(task.result_schema),
        "queue": _text(task.queue),
        "priority": _text(task.priority),
        "job_key": _text(task.job_key),
        "job_key_mode": str(task.job_key_mode),
        "timeout": task.timeout,
        "cancel_grace": task.cancel_grace,
        "crash_limit": task.crash_limit,
        "flags": list(task.flags),
        "tags": list(task.tags),
        "isolation": str(task.isolation),
        "memory_limit": task.memory_limit,
        "keep": str(task.keep),
        "retry": {
            "max_attempts": retry.max_attempts,
            "backoff": str(retry.backoff),
            "initial_delay": retry.initial_delay,
            "factor": retry.factor,
            "max_delay": retry.max_delay,
            "jitter": retry.jitter,
            "retry_on": list(retry.retry_on),
            "give_up_on": list(retry.give_up_on),
            "max_duration": retry.max_duration,
        },
    }


def _hash(schema: PayloadSchema | None) -> Json:
    return None if schema is None else content_hash([schema.schema, dict(schema.resources)])


def _text(value: Template | int | None) -> Json:
    return value.text if isinstance(value, Template) else value

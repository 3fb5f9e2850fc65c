"""Words: what has changed of a task, queue, schedule or retention, such as `timeout 10m → 5m`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kongflow.core.declaration import Difference
from kongflow.core.duration import format_duration, format_size
from kongflow.core.json import Json, canonical

MOST_SHOWN = 60
"""Characters of a value that are shown."""

_DURATIONS: Final = frozenset(
    {
        *("timeout", "cancel_grace", "initial_delay", "max_delay", "max_duration", "grace", "window"),
        *("succeeded", "failed", "cancelled"),
    }
)
_SCHEMAS: Final = {"payload": "payload schema", "result": "result schema"}
_WITHOUT: Final = {"concurrency": "unlimited"}
"""What None means, where it is not `none`."""


def in_words(differences: Iterable[Difference], *, of_task: bool = False) -> str:
    """Return what has changed. The schemas of a task are hashes: of them it is said that they have changed."""
    return ", ".join(_difference(each, of_task=of_task) for each in differences)


def _difference(difference: Difference, *, of_task: bool) -> str:
    field, before, after = difference.field, difference.before, difference.after
    if of_task and field in _SCHEMAS:
        how = "added" if before is None else "removed" if after is None else "changed"
        return f"{_SCHEMAS[field]} {how}"
    return f"{field} {shown(field, before)} → {shown(field, after)}"


def shown(field: str, value: Json) -> str:
    """Return a value as people write it."""
    last = field.rpartition(".")[2]
    if value is None:
        return _WITHOUT.get(last, "none")
    if last in _DURATIONS and isinstance(value, int | float):
        return format_duration(value)
    if last == "rate_limit":
        return f"{value['limit']} per {format_duration(value['per'])}"
    if last == "memory_limit":
        return format_size(int(value))
    text = value if isinstance(value, str) and value else canonical(value)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def count(number: int, noun: str, verb: str = "") -> str:
    """Return `1 job waits` or `1,204 jobs wait`."""
    words = f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
    return f"{words} {verb}{'s' * (number == 1)}" if verb else words

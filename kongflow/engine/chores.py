"""Chores: which periodic work is due. A claim that has time looks for some of it, and spares what there is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import get_args

from kongflow.store.records import Chore

LOOKED_FOR = frozenset(get_args(Chore))


@dataclass(slots=True)
class PeriodicWork:
    """One piece of work; `every` is seconds, `due` and `done` are by `time.monotonic()`."""

    name: str
    every: float
    work: Callable[[], Awaitable[bool | None]]
    """Says True where there is more to do at once."""
    due: float = 0.0
    done: float = 0.0
    failed: bool = False
    """True until it has worked again: then it keeps its rhythm, whatever there is to do."""


class Chores:
    """The rhythm of all periodic work of a runner that, when it idles, claims every `poll_interval` seconds."""

    def __init__(self, poll_interval: float) -> None:
        self._poll_interval = poll_interval
        self._works: list[PeriodicWork] = []
        self._changed = asyncio.Event()

    def add(self, name: str, every: float, work: Callable[[], Awaitable[bool | None]]) -> None:
        """Plan a piece of work: now, and then every so many seconds."""
        self._works.append(PeriodicWork(name, every, work))

    def seen(self, chores: frozenset[Chore] | None) -> None:
        """Hear what a claim saw, None where it did not look: what there is keeps its rhythm, what there is not waits
        for the next look.
        """
        if chores is None:
            return
        now = time.monotonic()
        for work in self._works:
            if work.name in chores:
                work.due = min(work.due, max(work.done + work.every, now))
                self._changed.set()
            elif work.name in LOOKED_FOR and work.done and not work.failed:
                work.due = max(work.due, now + 2 * self._poll_interval)

    def due(self) -> list[PeriodicWork]:
        """Return what is due now."""
        now = time.monotonic()
        return [work for work in self._works if work.due <= now]

    async def wait(self) -> None:
        """Return when something is due, or may have become so."""
        self._changed.clear()
        seconds = min(work.due for work in self._works) - time.monotonic()
        try:
            await asyncio.wait_for(self._changed.wait(), max(seconds, 0.0))
        except TimeoutError:
            pass

"""Outage: one word when the database goes, one when it is back, and how long to wait in between."""

from __future__ import annotations

import threading
import time

from kongflow.engine.events import Events, StoreBack, StoreLost
from kongflow.errors import StoreError

FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
"""Seconds between two tries; a runner works again within 3 s of the database's return."""
QUIET = 30.0
"""Seconds between two log lines of one outage."""


class Outage:
    """What the parts of a runner know about the database together. Safe to use from any thread."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._waits: dict[str, float] = {}
        self._since = 0.0
        self._told: float | None = None

    def failed(self, part: str, error: StoreError) -> float:
        """Note that a part could not do its work, and return how long it should wait: longer each time."""
        now = time.monotonic()
        with self._lock:
            if not self._waits:
                self._since = now
            wait = self._waits.get(part, FIRST_WAIT)
            self._waits[part] = min(2 * wait, LONGEST_WAIT)
            tell = self._told is None or now - self._told >= QUIET
            if tell:
                self._told = now
        if tell:
            self._events.emit(StoreLost(part, str(error)))
        return wait

    def worked(self, part: str) -> None:
        """Note that a part could do its work; the outage is over when every part that failed has worked again."""
        if not self._waits:
            return
        with self._lock:
            if self._waits.pop(part, None) is None or self._waits:
                return
            lasted, self._told = time.monotonic() - self._since, None
        self._events.emit(StoreBack(lasted))

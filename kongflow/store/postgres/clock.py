"""ServerClock: notices when the server's clock is set. Leases end by that clock, and a step is nobody's death; and what
is over by a clock that runs ahead is not thrown away.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

TOLERANCE = 0.5
"""Seconds that the two clocks may drift apart between two readings, which are some seconds apart: more is a step.
An NTP client slews at 0.5 ms a second and steps from 0.128 s on (ntpd(8)); half a second costs no lease.
"""
WATCH = 0.5
"""The share of a runner's lease for which a newcomer watches the clock before it may call that runner dead. The clock
may have been set just before, but who lives renews in a third of its lease at the latest (`runner.heartbeat`).
"""


class ServerClock:
    """Compares the server's clock with this process's monotonic one. Safe to use from any thread."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        skipped: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`skipped`: the seconds that tests have let pass at once."""
        self.monotonic = monotonic
        self._skipped = skipped
        self._wall = wall
        self._first: float | None = None
        self._lock = threading.Lock()
        self._ahead: tuple[float, float] | None = None
        self._steady_since = math.inf
        self._was_set = False
        self.set_by = 0.0
        """Seconds by which the server's clock was set, all in all, as far as the readings show it."""

    def read(self, server: datetime, sent: float) -> None:
        """Take a reading of the server's clock that was asked for at `sent`, by `monotonic`, and has come just now."""
        with self._lock:
            received = self.monotonic()
            # The server looked at its clock at some moment between the two.
            least, most = server.timestamp() - received, server.timestamp() - sent
            before = self._ahead
            if before is None:
                self._first = least
            if before is None or least > before[1] + TOLERANCE or most < before[0] - TOLERANCE:
                self._steady_since = received + self._skipped()
                self._was_set = before is not None
                self.set_by += 0.0 if before is None else (least + most - before[0] - before[1]) / 2
            self._ahead = least, most

    def is_steady(self, lease: float) -> bool:
        """Say whether a runner of such a lease, in seconds, has had the time to renew since the clock was last set: all
        of it where this was seen, WATCH of it since the first reading.
        """
        with self._lock:
            needed = lease if self._was_set else WATCH * lease
            return self.monotonic() + self._skipped() - self._steady_since >= needed

    def no_later_than(self) -> datetime:
        """Return the earliest of what time it is by this machine, and by the server had nobody set its clock since the
        first reading: what is not over by then is not over.
        """
        with self._lock:
            own = self._wall()
            return datetime.fromtimestamp(own if self._first is None else min(own, self._first + self.monotonic()), UTC)

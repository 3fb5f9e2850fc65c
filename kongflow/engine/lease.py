"""Lease: until when nobody else takes this runner's jobs, as far as the runner itself can know."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

OWN_SHARE = 0.9
"""The share of a lease in which a runner works; in the rest it stops, before others start its jobs."""
LOCK_EXCUSES = 2.0
"""Seconds from a renewal that met a lock which kept everybody out: time for the next ones, also on a busy host. Once
the lock is gone, others look twice, half a second apart, before they take jobs.
"""
LOOK_AGAIN = 0.1
"""Seconds between two looks whether a lease that was over is kept again."""


class Lease:
    """What the heartbeat learns and the others go by. A call that does not return changes nothing: the clock decides.
    Safe to use from any thread. `seconds` is the lease as others see it; `clock` is `time.monotonic` but for tests.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.renewed_at = -math.inf
        """When the last renewal that worked was sent: the store wrote it later."""
        self._seconds = seconds
        self._clock = clock
        self._locked_at = -math.inf
        self._written: int | None = None

    @property
    def left(self) -> float:
        """Seconds in which the runner may work, without another renewal."""
        return max(self._renewed_until, self._locked_at + LOCK_EXCUSES) - self._clock()

    @property
    def holds(self) -> bool:
        """False before the first renewal, and where the last one was so long ago that others may soon take the jobs."""
        return self.left > 0

    def renewed(self, sent: float) -> None:
        """Note that a renewal worked which was sent at `sent`, by the clock."""
        self.renewed_at = sent

    def locked_out(self, sent: float, written: int | None) -> None:
        """Note that a renewal which was sent at `sent` found the database locked. That is an excuse while nobody takes
        the jobs: while `written`, which changes with every write of others, is what it was before the lease was over.
        """
        if self._renewed_until > self._clock():
            self._written = written
        if written is not None and written == self._written:
            self._locked_at = sent

    async def over(self) -> None:
        """Return when the lease does not hold. Where the whole process stood still beyond its end, a renewal has a
        moment to find out what is really lost.
        """
        rest = (1 - OWN_SHARE) * self._seconds
        while (left := self.left) > 0:
            await asyncio.sleep(left)
            if self.left < -rest:
                await asyncio.sleep(rest)

    async def kept(self) -> None:
        """Return when the lease holds."""
        while not self.holds:  # noqa: ASYNC110 – the thread that renews has no loop to wake
            await asyncio.sleep(LOOK_AGAIN)

    @property
    def _renewed_until(self) -> float:
        return self.renewed_at + OWN_SHARE * self._seconds

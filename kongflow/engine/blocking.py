"""Blocking: notices a handler that holds the event loop, while it does, and says whose job it is and where it stands.

The loop beats often, but only while coroutines of handlers run; a thread that looks now and then anyway sees a beat
that is late. So an idle runner is not woken up for it.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
import traceback
from types import FrameType

from kongflow.engine.events import Events, JobRef, RunnerBlocked
from kongflow.engine.job_log import job_of

LIMIT = 1.0
"""Seconds; a handler that holds the loop for longer is named."""
BEAT = 0.1
"""Seconds between two beats."""
SECOND_LOOK = 0.1
"""Seconds at least between the look that finds a beat late and the one that tells: in a process that was frozen as a
whole the loop has beaten by then.
"""


class Blocking:
    """Entered, on the loop, for the time that a coroutine of a handler runs; `look` belongs to another thread."""

    def __init__(self, events: Events) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._events = events
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last: float | None = None
        self._late: float | None = None
        self._told: float | None = None

    # --- on the loop ---

    def __enter__(self) -> None:
        self._running += 1
        if self._timer is None:
            self._beat()

    def __exit__(self, *error: object) -> None:
        self._running -= 1

    @property
    def is_beating(self) -> bool:
        """False where no coroutine has run for the length of a beat: then nothing wakes the loop."""
        return self._timer is not None

    def _beat(self) -> None:
        self._last = time.monotonic() if self._running else None
        self._timer = self._loop.call_later(BEAT, self._beat) if self._running else None

    # --- in the watching thread ---

    def look(self) -> float:
        """Tell, once, if the loop has been held for `LIMIT`; return in how many seconds to look again at the latest."""
        last, now = self._last, time.monotonic()
        if last is None or last == self._told or now < last + 2 * BEAT:
            return math.inf
        left = last + BEAT + LIMIT - now
        if last != self._late:
            self._late = last
            return max(left, SECOND_LOOK)
        if left <= 0:
            self._tell(last, now)
        return max(left, SECOND_LOOK)

    def _tell(self, last: float, now: float) -> None:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 – Python's documented way to see a stack
        if frame is None:
            return
        blocked = RunnerBlocked(_job_in(frame), now - last - BEAT, "".join(traceback.format_stack(frame)))
        if self._last == last:  # else it went on meanwhile, and the stack shows something else
            self._told = last
            self._events.emit(blocked)


def _job_in(frame: FrameType | None) -> JobRef | None:
    """Return the job that a step of the loop belongs to, also where it is a task or callback that the handler has
    started; None where another loop than asyncio's own does not show it.
    """
    while frame is not None:
        if frame.f_code is asyncio.Handle._run.__code__:  # noqa: SLF001 – where each step of the loop begins
            # Only its context says for whom a step is done. `get_context()` of Python 3.12 returns the same.
            return job_of(getattr(frame.f_locals.get("self"), "_context", None))
        frame = frame.f_back
    return None

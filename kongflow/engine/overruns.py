"""Overruns: attempts that go on past their time limit, and when there is too much of it to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kongflow.engine.attempt import Attempt
from kongflow.engine.events import Events, JobOverrunning, ref
from kongflow.errors import StoreError
from kongflow.store.base import Store

NOTICE_AFTER = 1.0
"""Seconds after its timeout in which an attempt may clean up before it is shown as overrunning. It counts against the
process only after its `cancel_grace`: until then it may still end by itself."""
SHORTEST_LIMIT = 300.0
"""Seconds: an overrun lasts at least this long before the process gives up on it."""


class Overruns:
    """Watches the time of each attempt. `give_up` is called, with the reason, when the process should end."""

    def __init__(self, store: Store, events: Events, concurrency: int, give_up: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._events = events
        self._concurrency = concurrency
        self._give_up = give_up
        self._timers: dict[Attempt, asyncio.TimerHandle] = {}
        self._overrunning: set[Attempt] = set()
        self._marking: set[asyncio.Task[None]] = set()

    def watch(self, attempt: Attempt) -> None:
        """Time the attempt out after its task's timeout."""
        self._after(attempt.task.timeout, self._time_out, attempt)

    def ended(self, attempt: Attempt) -> None:
        """The attempt has really ended; it is watched no more."""
        timer = self._timers.pop(attempt, None)
        if timer is not None:
            timer.cancel()
        self._overrunning.discard(attempt)

    def close(self) -> None:
        """Watch nothing any more."""
        for attempt in list(self._timers):
            self.ended(attempt)

    def _time_out(self, attempt: Attempt) -> None:
        attempt.time_out()
        if not attempt.can_be_killed:  # a child process ends within its `cancel_grace`
            self._after(NOTICE_AFTER, self._overrun, attempt)

    def _overrun(self, attempt: Attempt) -> None:
        self._events.emit(JobOverrunning(ref(attempt.job), attempt.task.timeout, attempt.stack()))
        if not attempt.committed:
            marking = self._loop.create_task(self._mark(attempt))
            self._marking.add(marking)
            marking.add_done_callback(self._marking.discard)
        self._after(attempt.task.cancel_grace - NOTICE_AFTER, self._out_of_grace, attempt)

    def _out_of_grace(self, attempt: Attempt) -> None:
        self._overrunning.add(attempt)
        longest = max(attempt.task.timeout, SHORTEST_LIMIT)
        self._after(longest - max(attempt.task.cancel_grace, NOTICE_AFTER), self._hopeless, attempt)
        if 2 * len(self._overrunning) >= self._concurrency:
            self._give_up(f"{len(self._overrunning)} of {self._concurrency} slots are held by overrunning jobs")

    def _hopeless(self, attempt: Attempt) -> None:
        self._give_up(f"job {attempt.job.id} ({attempt.job.task}) has overrun its timeout for as long again")

    async def _mark(self, attempt: Attempt) -> None:
        """Show it to whoever looks at the job; while the store is away there is nobody to show it to."""
        try:
            await self._store.overrunning(attempt.job.id, attempt.job.lease)
        except StoreError:
            return

    def _after(self, seconds: float, call: Callable[[Attempt], None], attempt: Attempt) -> None:
        self._timers[attempt] = self._loop.call_later(max(seconds, 0.0), call, attempt)

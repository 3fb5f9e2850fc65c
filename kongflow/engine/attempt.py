"""Attempt: one claimed job in this process, from its claim to its end, and how it is told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from kongflow.config.binding import Handler
from kongflow.core.job import ClaimedJob
from kongflow.core.task import Task
from kongflow.engine.attempt_log import AttemptLog
from kongflow.engine.failure import Mask
from kongflow.engine.stall import stack_of, stack_of_task

START_LIMIT = 5.0
"""Seconds after its claim in which a job must start; later it is given back (docs/configuration.md, "Attempts")."""


class Stop(Enum):
    """Why an attempt was told to stop before its time limit."""

    CANCEL = "somebody asked to cancel the job"
    RELEASE = "the runner gives the job back"
    LOST = "the job was given to another runner"


class Attempt:
    """One attempt of a job. `claimed` is `time.monotonic()` read before the claim was sent.

    Lives on the event loop; only `stopping`, `in_transaction`, `completing` and `committed` are touched from the
    handler's thread.
    """

    def __init__(
        self, job: ClaimedJob, task: Task, handler: Handler, claimed: float, mask: Mask = str, chain: int = 0
    ) -> None:
        self.job = job
        self.task = task
        self.handler = handler
        self.claimed = claimed
        self.chain = chain
        """How many jobs of its queue were handed over in a row, the last of them this one; 0 after a claim."""
        self.log = AttemptLog(mask)
        self.started: float | None = None
        self.stop_reason: Stop | None = None
        self.timed_out = False
        self.abandoned = False
        """True where the runner ended it while its thread or coroutine goes on: its own end means nothing any more."""
        self.noticed_stop = False
        """True where the handler has read `job.cancelled` as true."""
        self.in_transaction = False
        self.completing = False
        """True from the fence of the job's own transaction on: then only the commit decides."""
        self.committed = False
        """True where the job's own transaction has completed it."""
        self._thread: int | None = None
        self._task: asyncio.Task[Any] | None = None
        self._interrupt: Callable[[], object] | None = None
        self._kill: Callable[[], object] | None = None

    @property
    def can_be_killed(self) -> bool:
        """True where the handler runs in a child process of its own, which is killed after its `cancel_grace`."""
        return self._kill is not None

    @property
    def stopping(self) -> bool:
        """True where the handler should end now: `job.cancelled`."""
        return self.timed_out or self.stop_reason is not None

    @property
    def is_suspect(self) -> bool:
        """True where the job has crashed before and its next crash would fail it."""
        return self.job.crashes > 0 and self.job.crashes + 1 >= self.task.crash_limit

    @property
    def duration(self) -> float:
        """Seconds since the handler was called; 0 before that."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    def is_too_late(self, lease: float) -> bool:
        """Say whether it may no longer start: it waited too long, or its lease may be over."""
        return time.monotonic() - self.claimed > min(START_LIMIT, lease)

    def start(self, interrupt: Callable[[], object] | None, kill: Callable[[], object] | None = None) -> None:
        """Note that the handler is called now; `interrupt` makes a coroutine end, a thread only has `stopping`.
        `kill` ends its child process, where it has one; there `interrupt` asks, and kills later.
        """
        self.started = time.monotonic()
        self._interrupt = interrupt
        self._kill = kill
        self._task = _current_task()

    def runs_in(self, thread: int) -> None:
        """Note the thread that calls the handler."""
        self._thread = thread

    def stack(self) -> str:
        """Return what the handler's thread or coroutine is doing, newest call last; what a child does only it knows."""
        if self._thread is not None:
            return stack_of(self._thread)
        return "" if self._task is None else stack_of_task(self._task)

    def stop(self, reason: Stop) -> None:
        """Tell the attempt to stop, once. A lost lease outweighs all else; of the other reasons the first one stays."""
        if self.stop_reason is Stop.LOST or (self.stopping and reason is not Stop.LOST):
            return
        self.stop_reason = reason
        self.interrupt()

    def time_out(self) -> None:
        """Tell the attempt that its time is over: whatever it returns now is refused."""
        self.timed_out = self.stop_reason is not Stop.RELEASE
        self.interrupt()

    def interrupt(self) -> None:
        """Cancel the coroutine, unless its own transaction is about to complete the job. A child process is told at
        any time: whether its commit or its end came first, the database knows.
        """
        if self._interrupt is not None and (self.can_be_killed or not self.completing):
            self._interrupt()

    def interrupt_soon(self) -> None:
        """As `interrupt`, from within the coroutine, in the next turn of its loop: one that has ended by then keeps its
        outcome, which a cancel of its own task would take away.
        """
        if self._interrupt is not None:
            asyncio.get_running_loop().call_soon(self.interrupt)

    def kill(self) -> None:
        """End the child process of the handler now; without one, nothing happens."""
        if self._kill is not None:
            self._kill()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # in a child process there is no loop
        return None

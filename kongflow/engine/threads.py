"""Threads: where sync handlers run. Daemon threads, so that one that never returns does not keep the process alive."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: a value, or the exception that it raised. A future could not carry every exception."""

    value: object = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[[], object]
    began: Callable[[int], object]
    context: contextvars.Context
    future: asyncio.Future[Ended]


class Threads:
    """As many threads as calls run at once, kept for the next call; a call never waits for another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def run(self, function: Callable[[], object], began: Callable[[int], object] = int) -> Ended:
        """Call `function` in a thread, with the context variables of the caller, and say how it ended. `began` is
        called first, in that thread, with its identity.

        Cancelling the wait does not stop the call: nothing can stop a thread from outside.
        """
        future: asyncio.Future[Ended] = self._loop.create_future()
        if not self._idle.acquire(blocking=False):
            self._started += 1
            threading.Thread(target=self._work, name=f"kongflow-job-{self._started}", daemon=True).start()
        self._calls.put(_Call(function, began, contextvars.copy_context(), future))
        return await future

    def close(self) -> None:
        """Let idle threads end, and busy ones after their call."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            ended = _end_of(call)
            self._idle.release()
            try:
                self._loop.call_soon_threadsafe(_deliver, call.future, ended)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            del call, ended  # an idle thread keeps nothing of the last job alive


def _end_of(call: _Call) -> Ended:
    try:
        call.began(threading.get_ident())
        return Ended(call.context.run(call.function))
    except BaseException as error:
        return Ended(error=error)


def _deliver(future: asyncio.Future[Ended], ended: Ended) -> None:
    if not future.done():
        future.set_result(ended)

"""Stall: notices that the event loop has stopped turning, and says what every thread was doing."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any


class Stall:
    """A beat that the loop gives and another thread watches. `tick` is the seconds between two beats."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: float) -> None:
        self._loop = loop
        self._tick = tick
        self._beats = 0
        self._seen = 0
        self._looked = time.monotonic()
        self._still = 0.0
        self._timer = loop.call_later(tick, self._beat)

    def stop(self) -> None:
        """Beat no more. Called on the loop."""
        self._timer.cancel()

    def seconds(self) -> float:
        """Return how long the loop has been seen without a beat. Called every tick by the watching thread.

        A look that comes late counts as two ticks at most: then the whole process stood still, not its loop.
        """
        now = time.monotonic()
        if self._beats != self._seen:
            self._seen, self._still = self._beats, 0.0
        else:
            self._still += min(now - self._looked, 2 * self._tick)
        self._looked = now
        return self._still

    def _beat(self) -> None:
        self._beats += 1
        self._timer = self._loop.call_later(self._tick, self._beat)


def end_in(seconds: float) -> None:
    """End the process with exit code 1 after so many seconds, even if its last words cannot be written."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def stack_of(thread: int) -> str:
    """Return the stack of a thread, newest call last; empty where it has ended."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 – as below
    return "" if frame is None else "".join(traceback.format_stack(frame))


def stack_of_task(task: asyncio.Task[Any]) -> str:
    """Return where a suspended task waits, newest call last. asyncio itself shows its outermost frame only."""
    frames: list[tuple[FrameType, int]] = []
    waiting: Any = task.get_coro()
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        frames.append((frame, frame.f_lineno))
        waiting = waiting.cr_await
    return "".join(traceback.StackSummary.extract(iter(frames)).format())


def all_stacks() -> str:
    """Return the stack of every thread, newest call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    blocks = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 – Python's documented way to see all stacks
        lines = "".join(traceback.format_stack(frame))
        blocks.append(f"thread {names.get(ident, ident)}:\n{lines}")
    return "\n".join(blocks)

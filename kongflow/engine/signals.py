"""Signals: the first SIGTERM or SIGINT drains, the second skips the wait, the third ends the process at once.

A process with a supervisor only drains by signals. Whoever stops a service may signal every process of it, and the
supervisor passes on what it hears: nothing may count twice. So what it wants beyond a drain comes over its line.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from kongflow.engine.events import Events, RunnerStalled, SignalHeard
from kongflow.engine.line import Line
from kongflow.engine.stall import all_stacks, end_in
from kongflow.engine.stopping import Stopping

HANDLED = (signal.SIGTERM, signal.SIGINT)
INTERRUPTED = 130


# A process has one handler for each signal; who runs in it now hears of it together.
_active: list[Signals] = []
_before: dict[int, Any] = {}


class Signals:
    """Handles signals for the time of a run, in the main thread; anywhere else it does nothing.

    Python's own handlers are used, not the loop's, so that the third signal works while a job blocks the loop.
    `line` leads to the supervisor of the process, if it has one; a line that breaks is a signal, too.
    """

    def __init__(self, stopping: Stopping, shutdown_timeout: float, events: Events, line: Line | None = None) -> None:
        self._stopping = stopping
        self._shutdown_timeout = shutdown_timeout
        self._events = events
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._seen = 0
        self._first = threading.Event()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=self._guard, name="kongflow-shutdown-guard", daemon=True).start()
            if self._line is not None:
                threading.Thread(target=self._obey, args=(self._line,), name="kongflow-line", daemon=True).start()
            if not _active:
                _before.update({number: signal.signal(number, _on_signal) for number in HANDLED})
            _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self in _active:
            _active.remove(self)
            if not _active:
                for number in HANDLED:
                    handler = _before.pop(number)
                    signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._over.set()
        self._first.set()

    def hear(self, name: str) -> None:
        """Take a step towards the end. Runs between any two instructions of the main thread, so it takes no lock that
        the thread may hold.
        """
        self._seen += 1
        if self._seen == 1:
            self._first.set()
            self._loop.call_soon_threadsafe(self._drain, name)
        elif self._line is not None:
            return
        elif self._seen == 2:
            self._loop.call_soon_threadsafe(self._hurry, name)
        else:
            os._exit(INTERRUPTED)

    def _drain(self, name: str) -> None:
        more = "" if self._line is not None else "; a second signal gives running jobs back at once"
        self._events.emit(SignalHeard(name, f"drain{more}"))
        self._stopping.request(name)

    def _hurry(self, name: str) -> None:
        self._events.emit(SignalHeard(name, "running jobs are given back now; a third signal ends the process at once"))
        self._stopping.hurry(name)

    def _obey(self, line: Line) -> None:
        """Do what the supervisor says, and drain when it is gone. Runs in a thread of its own."""
        with suppress(RuntimeError):  # the loop is closed: the run is over anyway
            while line.hear():
                self._loop.call_soon_threadsafe(self._stopping.hurry, "the supervisor is in a hurry")
            self._first.set()
            self._loop.call_soon_threadsafe(self._stopping.request, "the supervisor is gone")

    def _guard(self) -> None:
        """End a process whose loop is blocked and so does not see the signal. Runs in a thread of its own."""
        self._first.wait()
        if self._over.wait(self._shutdown_timeout):
            return
        end_in(1.0)
        self._events.emit(RunnerStalled(self._shutdown_timeout, all_stacks()))
        os._exit(1)


def _on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    for each in tuple(_active):
        each.hear(signal.Signals(number).name)

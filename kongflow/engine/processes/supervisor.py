"""Supervisor: keeps a number of runner processes alive, and passes on what signals want of them.

It reads no configuration and opens no database: the first process starts alone, and what keeps it from starting (a
mistake in kongflow.yaml, a database that is away) is told by it, once, with its exit code. Then come the others.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from kongflow.engine.death import how_it_died
from kongflow.engine.events import Events, ProcessDied, ProcessesStarted, SignalHeard
from kongflow.engine.processes.process import Process
from kongflow.engine.signals import HANDLED, INTERRUPTED
from kongflow.engine.wakeups import wakeups
from kongflow.errors import KongFlowError

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds from a death to the next start; each death in a row doubles them."""
PROVEN = 60.0
"""Seconds; a process that has lived so long has nothing to do with the deaths before it."""
TRIES = 3
"""How often the first process may be killed before it has ever worked."""


class Place:
    """Where one process after another works. `due`: when (`time.monotonic()`) the next one starts, if one does."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.due = math.inf
        self.deaths = 0

    def wait_after(self, age: float) -> float:
        """Note the death of a process that had so many seconds; return those until the next start."""
        self.deaths = 1 if age >= PROVEN else self.deaths + 1
        return min(FIRST_WAIT * 2.0 ** min(self.deaths - 1, 10), LONGEST_WAIT)


class Supervisor:
    """Runs `count` processes of a command, in the main thread, until they all have ended.

    `until_idle`: a process whose run has ended is not replaced.
    """

    def __init__(self, command: Sequence[str], count: int, events: Events, *, until_idle: bool = False) -> None:
        self._command = command
        self._events = events
        self._until_idle = until_idle
        self._places = [Place() for _ in range(count)]
        self._works = False
        """True as soon as one process has ever worked."""
        self._heard: list[int] = []
        self._obeyed = 0
        self._exit_code = 0

    def run(self) -> int:
        """Return the worst exit code of those that were not replaced. Raises: KongFlowError where none comes up."""
        with self._signals() as woken, selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            self._places[0].due = time.monotonic()
            while self._living() or self._next_start() < math.inf:
                self._start_what_is_due(selector)
                for key, _ in selector.select(self._pause()):
                    self._hear(selector, key)
                self._obey()
                for place in self._places:
                    self._bury(place, selector)
        return self._exit_code

    def _living(self) -> list[Process]:
        return [place.process for place in self._places if place.process is not None]

    def _next_start(self) -> float:
        return min(place.due for place in self._places)

    def _pause(self) -> float | None:
        due = self._next_start()
        return None if due == math.inf else max(due - time.monotonic(), 0.0)

    # --- starting ---

    def _start_what_is_due(self, selector: selectors.BaseSelector) -> None:
        for place in self._places:
            if place.due <= time.monotonic():
                place.due = math.inf
                try:
                    process = place.process = Process(self._command)
                except OSError as error:
                    self._replace(place, None, f"could not be started: {error}", 0.0)
                else:
                    selector.register(process.line, selectors.EVENT_READ, process)

    def _start_the_others(self) -> None:
        """The first process works, or did: nothing is in the way of the others."""
        if self._works:
            return
        self._works = True
        if not self._heard:
            self._events.emit(ProcessesStarted(len(self._places)))
            for place in self._places[1:]:
                place.due = time.monotonic()

    # --- hearing ---

    def _hear(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Process):
            if not key.data.hear():
                selector.unregister(key.data.line)
            if key.data.has_started:
                self._start_the_others()
        elif isinstance(key.fileobj, socket.socket):
            key.fileobj.recv(4096)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        before: dict[int, Any] = {number: signal.signal(number, self._note) for number in HANDLED}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _nothing)
        try:
            with wakeups() as woken:
                yield woken
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal. The third ends everything here and now, whatever the loop waits for."""
        self._heard.append(number)
        if len(self._heard) > 2:
            for process in self._living():
                process.kill()
            os._exit(INTERRUPTED)

    def _obey(self) -> None:
        while self._obeyed < len(self._heard):
            name = signal.Signals(self._heard[self._obeyed]).name
            self._obeyed += 1
            if self._obeyed == 1:
                self._drain(name)
            else:
                self._hurry(name)

    def _drain(self, name: str) -> None:
        meaning = "every process drains; a second signal gives running jobs back at once"
        self._events.emit(SignalHeard(name, meaning))
        for place in self._places:
            place.due = math.inf
        for process in self._living():
            process.drain()

    def _hurry(self, name: str) -> None:
        meaning = "running jobs are given back now; a third signal ends every process at once"
        self._events.emit(SignalHeard(name, meaning))
        for process in self._living():
            process.hurry()

    # --- what follows an end ---

    def _bury(self, place: Place, selector: selectors.BaseSelector) -> None:
        process = place.process
        code = None if process is None else process.exit_code()
        if process is None or code is None:
            return
        place.process = None
        if process.line in selector.get_map():
            selector.unregister(process.line)
        process.line.close()
        if process.has_started:
            self._start_the_others()
        if self._heard or (self._until_idle and process.has_ended):
            self._exit_code = max(self._exit_code, code if code >= 0 else 1)
            if code and not process.has_ended:
                self._events.emit(ProcessDied(process.pid, how_it_died(code), None))
        elif not self._works and code > 0:  # it has said why
            self._exit_code = code
        else:
            self._replace(place, process.pid, how_it_died(code), process.age)

    def _replace(self, place: Place, pid: int | None, how: str, age: float) -> None:
        wait = place.wait_after(age)
        if not self._works and place.deaths >= TRIES:
            raise KongFlowError(f"no runner process has come up: the last of {place.deaths} {how}")
        if self._until_idle:
            self._exit_code = 1
            if place.deaths >= TRIES:
                self._events.emit(ProcessDied(pid, how, None))
                return
        self._events.emit(ProcessDied(pid, how, wait))
        place.due = time.monotonic() + wait


def _nothing(number: int, frame: FrameType | None) -> None:
    """Let a signal wake the selector, and no more."""

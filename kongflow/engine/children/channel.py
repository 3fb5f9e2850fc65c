"""Channel: a child's end of the line to its runner; used by any of its threads."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import count
from typing import Any

from kongflow.engine.children.wire import Lines, Message, Say, error, line_of
from kongflow.errors import KongFlowError

CHUNK = 65_536


def end_all() -> None:
    """End this process and all that its handler has started: without the runner nothing of it may go on."""
    os.killpg(0, signal.SIGKILL)


class Channel:
    """Sends to the runner, asks it, and hears it."""

    def __init__(self, socket: socket.socket) -> None:
        self._socket = socket
        self._pid = os.getpid()
        self._sending = threading.Lock()
        self._numbers = count(1)
        self._asked: dict[int, Future[Any]] = {}

    @property
    def is_ours(self) -> bool:
        """False in a process that a handler has forked: the runner knows nothing of that one."""
        return os.getpid() == self._pid

    def send(self, say: Say, **values: object) -> None:
        """Say something; waits while the runner is slow to hear. Raises: KongFlowError in a process that a handler has
        forked.
        """
        if not self.is_ours:
            raise KongFlowError(
                f"process {os.getpid()} was forked by a handler and cannot use its job; let the handler itself do it"
            )
        line = line_of(say, **values)
        try:
            with self._sending:
                self._socket.sendall(line)
        except OSError:
            end_all()

    def ask(self, what: str, **values: object) -> Any:
        """Ask the runner and return its answer. Raises: the error of ours that it met."""
        number, answer = next(self._numbers), Future[Any]()
        self._asked[number] = answer
        try:
            self.send(Say.ASK, number=number, what=what, **values)
            return answer.result()
        finally:
            del self._asked[number]

    def messages(self) -> Iterator[Message]:
        """Yield what the runner says, until it hangs up; answers go to who asked."""
        lines = Lines()
        while data := self._socket.recv(CHUNK):
            for message in lines.feed(data):
                if message["say"] == Say.ANSWER:
                    self._answer(message)
                else:
                    yield message

    def _answer(self, message: Message) -> None:
        answer = self._asked.get(message["number"])
        if answer is None:
            return  # who asked has been interrupted meanwhile
        if message["error"] is None:
            answer.set_result(message["value"])
        else:
            answer.set_exception(error(message["error"]))

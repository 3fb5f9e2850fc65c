"""Wakeups: signals as something that a selector can wait for."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def wakeups() -> Iterator[socket.socket]:
    """Give a socket that can be read when a signal that has a handler in Python, such as SIGCHLD, has come."""
    woken, waker = socket.socketpair()
    with woken, waker:
        waker.setblocking(False)
        before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(before)

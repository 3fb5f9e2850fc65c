"""Giving up: how a connection ends whose answer did not come in time, here and at the server."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress

import psycopg
from psycopg.pq import PollingStatus
from psycopg.pq.abc import PGcancelConn, PGconn

ASKING = 5.0
"""Seconds in which the server must hear that nobody waits any more."""


def give_up(connection: PGconn) -> None:
    """Cut a connection, which wakes up who waits for it, and ask the server, from a thread, to end what it does there.

    It would not notice by itself while it waits for a standby that is gone: each of our next tries would cost it one
    more process.
    """
    request = _request(connection)
    _shut_down(connection.socket)
    if request is not None:
        asking = threading.Thread(target=_ask, args=(request,), name="kongflow-giving-up", daemon=True)
        with suppress(RuntimeError):  # no thread can be had: the server ends it when it notices
            asking.start()


def _request(connection: PGconn) -> PGcancelConn | None:
    """Return the request to cancel what a connection waits for, while it knows whom to ask; None where it cannot."""
    with suppress(psycopg.Error):  # libpq is older than 17
        return connection.cancel_conn()
    return None


def _shut_down(descriptor: int) -> None:
    """End a line. The descriptor stays its owner's."""
    line = socket.socket(fileno=descriptor)
    try:
        line.shutdown(socket.SHUT_RDWR)
    finally:
        line.detach()


def _ask(request: PGcancelConn) -> None:
    deadline = time.monotonic() + ASKING
    with suppress(psycopg.Error, OSError):
        request.start()
        while (status := request.poll()) in (PollingStatus.READING, PollingStatus.WRITING):
            poll = select.poll()
            poll.register(request.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                break
    request.finish()

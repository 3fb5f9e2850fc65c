"""Patience: how long we wait for an answer. TCP notices a host that has vanished; what only keeps silent, a pooler or a
firewall that has forgotten us, answers TCP for ever.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg


class NoAnswer(psycopg.OperationalError):
    """Nobody has answered for as long as we wait; the connection was given up."""


PATIENCE = 10.0
"""Seconds that the answer to an ordinary statement of ours may take."""


def renewal_patience(lease: float) -> float:
    """Return the seconds that a renewal may take: enough for two more within the lease, where that is no instant."""
    return max(lease / 3, 1.0)


TIME_FOR_ALL_QUEUES = 60.0
"""Seconds for what may have to look at every queue: another config comes into force."""


def statement_timeout(patience: float) -> int:
    """Return the milliseconds after which the server itself gives a statement up, in time to say so."""
    return int(patience * 800)


@contextmanager
def answering(connection: psycopg.AsyncConnection[Any], patience: float) -> Iterator[None]:
    """Cut a connection that takes longer than `patience` seconds. Raises: NoAnswer then."""
    given_up = threading.Event()

    def sever() -> None:
        given_up.set()
        with suppress(psycopg.Error, OSError), _line_of(connection) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = asyncio.get_running_loop().call_later(patience, sever)
    with _explained(given_up, patience, timer.cancel):
        yield


@contextmanager
def answering_sync(connection: psycopg.Connection[Any], patience: float) -> Iterator[None]:
    """As `answering`, for a connection of a thread."""
    given_up = threading.Event()
    with _line_of(connection) as line:

        def sever() -> None:
            given_up.set()
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(patience, sever)
        timer.daemon = True
        timer.start()
        with _explained(given_up, patience, timer.cancel):
            yield


@contextmanager
def _explained(given_up: threading.Event, patience: float, cancel: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if given_up.is_set():
            raise NoAnswer(f"no answer within {patience:g} s; the connection was given up") from error
        raise
    finally:
        cancel()


def _line_of(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> socket.socket:
    """Return the socket of a connection: to shut down, never to read, and closing it leaves the connection as it is."""
    return socket.socket(fileno=os.dup(connection.pgconn.socket))

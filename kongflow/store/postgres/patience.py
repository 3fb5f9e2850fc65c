"""Patience: how long we wait for an answer. TCP notices a host that has vanished; what only keeps silent, a pooler or a
firewall that has forgotten us, answers TCP for ever.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from kongflow.store.postgres.giving_up import give_up

T = TypeVar("T")


class NoAnswer(psycopg.OperationalError):
    """Nobody has answered for as long as we wait; the connection was given up."""


PATIENCE = 10.0
"""Seconds that the answer to an ordinary statement of ours may take."""


def renewal_patience(lease: float) -> float:
    """Return the seconds that a renewal may take: enough for two more within the lease, where that is no instant."""
    return max(lease / 3, 1.0)


def statement_timeout(patience: float) -> int:
    """Return the milliseconds after which the server itself gives a statement up, in time to say so."""
    return int(patience * 800)


@contextmanager
def answering(connection: psycopg.AsyncConnection[Any], patience: float) -> Iterator[None]:
    """Cut a connection that takes longer than `patience` seconds. Raises: NoAnswer then."""
    given_up = False

    def sever() -> None:
        nonlocal given_up
        given_up = True
        with suppress(psycopg.Error, OSError):
            give_up(connection.pgconn)

    timer = asyncio.get_running_loop().call_later(patience, sever)
    try:
        yield
    except psycopg.Error as error:
        if given_up:
            raise _no_answer(patience) from error
        raise
    finally:
        timer.cancel()


class PatientConnection(psycopg.Connection[Any]):
    """A connection of a thread. While it waits it opens nothing and starts no thread: its leases are not to depend on
    what the process has left of either. Only when it gives up it does both, if it can.
    """

    _deadline = math.inf
    _given_up = False

    @contextmanager
    def answering(self, patience: float) -> Iterator[None]:
        """Cut this connection if it takes longer than `patience` seconds. Raises: NoAnswer then."""
        self._deadline = time.monotonic() + patience
        try:
            yield
        except psycopg.Error as error:
            if self._given_up:
                raise _no_answer(patience) from error
            raise

    def wait(self, gen: PQGen[T], *arguments: Any, **named: Any) -> T:
        """See psycopg.Connection, which wakes `gen` ten times a second."""
        return super().wait(self._in_time(gen), *arguments, **named)

    def _in_time(self, gen: PQGen[T]) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= self._deadline and not self._given_up:
                    self._given_up = True
                    give_up(self.pgconn)
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


def _no_answer(patience: float) -> NoAnswer:
    return NoAnswer(f"no answer within {patience:g} s; the connection was given up, and it may be done all the same")

"""Process: one runner in a process of its own, as its supervisor sees it."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from kongflow.engine.line import ENDED, HURRY, STARTED

MOST = 64


class Process:
    """Started at once, by `command` and the number of its end of the line. Raises: OSError."""

    def __init__(self, command: Sequence[str]) -> None:
        self.line, theirs = socket.socketpair()
        self.line.setblocking(False)
        self.born = time.monotonic()
        self.has_started = False
        self.has_ended = False
        """True where its run came to its end by itself, or because it was asked to."""
        self._was_stopped = False
        with theirs:
            try:
                # A session of its own: Ctrl-C in a terminal is for the supervisor alone, which passes it on.
                self._process = subprocess.Popen(  # noqa: S603  our own interpreter, our own command
                    [*command, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except BaseException:
                self.line.close()
                raise

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.born

    def hear(self) -> bool:
        """Take in what it has said; False where it will say no more."""
        try:
            words = self.line.recv(MOST)
        except BlockingIOError:
            return True
        except OSError:
            words = b""
        self.has_started = self.has_started or STARTED in words
        self.has_ended = self.has_ended or ENDED in words
        return bool(words)

    def drain(self) -> None:
        """Ask for the end. Before its runner hears signals this ends the process, which has claimed nothing then."""
        self._was_stopped = True
        if not self.has_ended:
            self._process.send_signal(signal.SIGTERM)

    def hurry(self) -> None:
        """Ask to give running jobs back now."""
        with suppress(OSError):
            self.line.send(HURRY)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def exit_code(self) -> int | None:
        """Return its exit code, or minus the number of the signal that ended it; None while it lives."""
        code = self._process.poll()
        if code is not None:
            self.hear()
            if code == -signal.SIGTERM and self._was_stopped and (self.has_ended or not self.has_started):
                return 0  # it was not working, and so it did not hear the signal but was ended by it
        return code

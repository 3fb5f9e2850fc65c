"""Line: what a supervisor and one of its processes tell each other, over a socket pair. A word is one byte."""

from __future__ import annotations

import socket
from contextlib import suppress

STARTED = b"s"
"""The runner works: nothing that could keep it from starting is in the way."""
ENDED = b"e"
"""The run came to its end and was no accident; the process may still need a moment."""
HURRY = b"h"
"""Said by the supervisor: give running jobs back now."""


class Line:
    """The end of a runner. When the supervisor dies, whatever of, the line breaks."""

    def __init__(self, file_descriptor: int) -> None:
        """Take over an inherited socket. Raises: OSError where it is none."""
        self._socket = socket.socket(fileno=file_descriptor)
        self._socket.set_inheritable(False)  # programs that handlers start have no part in this

    def tell(self, word: bytes) -> None:
        """Say a word; where nobody hears it any more, nothing happens."""
        with suppress(OSError):
            self._socket.sendall(word)

    def hear(self) -> bytes:
        """Wait for a word and return it; empty when the supervisor is gone."""
        try:
            return self._socket.recv(1)
        except OSError:
            return b""

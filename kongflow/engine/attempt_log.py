"""AttemptLog: the last lines that a handler logs in one attempt, to be kept with its end. Bounded, without secrets."""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import UTC, datetime

from kongflow.core.attempts import NO_LINES, HandlerLog, LogLine
from kongflow.core.json import printable
from kongflow.engine.failure import Mask, bounded, trace_of

MAX_LINES = 50
MAX_LINE = 2_000
"""Characters of one line, its traceback included."""
MAX_LOG = 8_000
"""Characters of all lines together."""
_HEAD = 500
"""Characters kept from the beginning of a long line; the rest of the room is for its end, where an exception stands."""


class AttemptLog:
    """Takes lines from any thread. `mask` hides secrets in each."""

    def __init__(self, mask: Mask = str) -> None:
        self._mask = mask
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._count = 0
        # Reentrant: a finalizer that runs while it is held may log, too.
        self._lock = threading.RLock()

    def add(self, record: logging.LogRecord) -> None:
        """Keep a line; one that cannot be shown is counted. Never raises, whatever is logged."""
        try:
            line = LogLine(_instant(record), printable(record.levelname.lower(), 20), self._text(record))
        except Exception:
            line = None
        with self._lock:
            self._count += 1
            if line is not None:
                self._lines.append(line)

    def kept(self) -> HandlerLog:
        """Return the last lines for which there is room."""
        if self._count == 0:
            return NO_LINES
        with self._lock:
            lines, count = self._lines.copy(), self._count
        room, kept = MAX_LOG, list[LogLine]()
        while lines and (room := room - len(lines[-1].message)) >= 0:
            kept.insert(0, lines.pop())
        return HandlerLog(tuple(kept), count - len(kept))

    def _text(self, record: logging.LogRecord) -> str:
        """Return the message, and below it the traceback; what a child process has sent is text already."""
        parts = [record.getMessage()]
        if record.exc_info and record.exc_info[1] is not None:
            parts.append(trace_of(record.exc_info[1]).rstrip())
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(record.stack_info)
        return bounded(self._mask("\n".join(parts)), MAX_LINE, _HEAD)


def _instant(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)

"""Child log: log records of a child process, on their way into the log of its runner."""

from __future__ import annotations

import logging
import traceback

from kongflow.engine.children.channel import Channel
from kongflow.engine.children.wire import Message, Say
from kongflow.engine.job_log import keep

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({})))
_KEPT = ("name", "levelno", "levelname", "pathname", "filename", "module", "lineno", "funcName", "created", "msecs")
_PLAIN = (str, int, float, bool, type(None))


class _ToRunner(logging.Handler):
    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, and keep it for an end that this process writes itself; one of a process that a handler has
        forked goes to standard error.
        """
        try:
            if self._channel.is_ours:
                keep(record)
                self._channel.send(Say.LOG, record=_message_of(record))
            elif logging.lastResort is not None:
                logging.lastResort.handle(record)
        except Exception:
            self.handleError(record)


def log_to_runner(channel: Channel, level: int) -> None:
    """Send every log record of this process, from this level on, to the runner."""
    root = logging.getLogger()
    root.handlers[:] = [_ToRunner(channel)]
    root.setLevel(level)


def record_of(message: Message) -> logging.LogRecord:
    """Return a record as it was logged in the child; its text is made, its exception is text."""
    return logging.makeLogRecord(message)


def _message_of(record: logging.LogRecord) -> Message:
    message = {name: getattr(record, name) for name in _KEPT}
    message |= {
        name: value if isinstance(value, _PLAIN) else repr(value)
        for name, value in vars(record).items()
        if name not in _OWN_FIELDS and name not in ("message", "asctime")
    }
    message["msg"] = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        message["exc_text"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    if record.stack_info:
        message["stack_info"] = record.stack_info
    return message

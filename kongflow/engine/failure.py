"""Failure: what is kept of an exception that ended an attempt. Bounded, printable on both stores, without secrets."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType

from kongflow.core.attempts import AttemptError
from kongflow.core.duration import format_duration
from kongflow.core.job import Reason
from kongflow.core.json import printable
from kongflow.core.outcome import CRASHED, Crashed, Failed
from kongflow.core.retry import class_names
from kongflow.core.task import Task
from kongflow.errors import GiveUp, InvalidPayload, InvalidResult, TimedOut

MAX_MESSAGE = 4_000
MAX_TRACEBACK = 20_000
_HEAD = 4_000
"""Characters kept from the beginning of a long traceback; the rest of the room is for its end, which says most."""

Mask = Callable[[str], str]
"""Hides the values of secrets in a text."""


def failed_with(error: BaseException, mask: Mask) -> Failed:
    """Return the failure that an exception of a handler means."""
    kept = attempt_error(error, mask)
    names = class_names(type(error))
    match error:
        case GiveUp():
            return Failed(Reason.GAVE_UP, kept, names, final=True)
        case InvalidResult():
            return Failed(Reason.INVALID_RESULT, kept, names, final=True)
    return Failed(Reason.ERROR, kept, names)


def payload_refused(error: BaseException, mask: Mask) -> Failed:
    """Return the failure of a job whose payload does not fit its task any more."""
    kept = attempt_error(error, mask, with_traceback=not isinstance(error, InvalidPayload))
    return Failed(Reason.INVALID_PAYLOAD, kept, class_names(type(error)), final=True)


def result_refused(error: BaseException, mask: Mask) -> Failed:
    """Return the failure of a job whose result cannot be kept."""
    kept = attempt_error(error, mask, with_traceback=False)
    return Failed(Reason.INVALID_RESULT, kept, class_names(type(error)), final=True)


def timed_out(task: Task, stack: str = "") -> Failed:
    """Return the failure of an attempt that ran longer than its task allows; `stack` is where it was, if that is
    known.
    """
    message = f"the attempt ran longer than its timeout of {format_duration(task.timeout)}"
    error = AttemptError("kongflow.TimedOut", message, bounded(stack))
    return Failed(Reason.TIMED_OUT, error, class_names(TimedOut))


def died(how: str, crash: int, crash_limit: int, stack: str) -> Crashed:
    """Return the crash of an attempt whose child process is gone; `crash` counts those of its job."""
    error = AttemptError(CRASHED, f"{how}; crash {crash} of this job", bounded(stack))
    return Crashed(error, crash_limit)


def attempt_error(error: BaseException, mask: Mask, *, with_traceback: bool = True) -> AttemptError:
    """Return what is kept of an exception, whatever its text or its `__str__` does."""
    trace = bounded(mask(trace_of(error))) if with_traceback else ""
    return AttemptError(name_of(type(error)), printable(mask(_message_of(error)), MAX_MESSAGE), trace)


def name_of(error: type[BaseException]) -> str:
    """Return the name under which a policy and a user know an exception class."""
    if error.__module__ == "builtins":
        return error.__qualname__
    if error.__module__ == "kongflow.errors":
        return f"kongflow.{error.__qualname__}"
    return printable(f"{error.__module__}.{error.__qualname__}", 200)


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as other:
        return f"its text cannot be shown: __str__ raised {type(other).__qualname__}"


def trace_of(error: BaseException) -> str:
    """Return the traceback of an exception, from the first frame on that is not ours, whatever its `__str__` does."""
    try:
        lines = traceback.format_exception(type(error), error, _user_frames(error.__traceback__), limit=100)
    except BaseException as other:
        return f"its traceback cannot be shown: {type(other).__qualname__}"
    return "".join(lines)


def _user_frames(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of the engine, which come first and tell a user nothing."""
    while trace is not None and _is_ours(trace.tb_frame.f_globals.get("__package__")):
        if trace.tb_next is None:
            return trace
        trace = trace.tb_next
    return trace


def _is_ours(package: object) -> bool:
    return isinstance(package, str) and f"{package}.".startswith(f"{__package__}.")


def bounded(text: str, most: int = MAX_TRACEBACK, head: int = _HEAD) -> str:
    """Return a text as it is kept: of a long one `head` characters of its beginning, and its end."""
    if len(text) > most:
        left_out = len(text) - most
        text = f"{text[:head]}\n… ({left_out:,} characters left out) …\n{text[head + left_out :]}"
    return printable(text, 2 * most)

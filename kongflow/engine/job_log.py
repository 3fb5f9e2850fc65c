"""Which job a log line belongs to: bound while a handler runs, on the loop and in its thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass

from kongflow.engine.attempt_log import AttemptLog
from kongflow.engine.events import JobRef

ENGINE = "kongflow"
"""The logger of the engine's own events: no line of a handler."""


@dataclass(frozen=True, slots=True)
class _Bound:
    job: JobRef
    log: AttemptLog


_bound: ContextVar[_Bound | None] = ContextVar("kongflow_job", default=None)


def bind_job(job: JobRef, log: AttemptLog) -> None:
    """Let every line that is logged from here on, in this context, carry the job, and keep it in `log`."""
    _bound.set(_Bound(job, log))


def keep(record: logging.LogRecord) -> None:
    """Keep a line with the attempt that is bound to this context; one of the engine, or of nobody, is left."""
    bound = _bound.get()
    if bound is not None and record.name != ENGINE:
        bound.log.add(record)


@contextmanager
def keeping_lines() -> Iterator[None]:
    """Keep what is logged in handlers, through whichever logger, if that lets its level pass.

    The factory of records sees all of them, and nobody else notices: a log handler of ours would make
    `logging.basicConfig()` do nothing in the program that we are a part of, and miss loggers that do not propagate.
    """
    keeping = logging.getLogRecordFactory()
    if not isinstance(keeping, _Keeping):
        keeping = _Keeping(keeping)
        logging.setLogRecordFactory(keeping)
    keeping.users += 1
    try:
        yield
    finally:
        keeping.users -= 1
        if keeping.users == 0 and logging.getLogRecordFactory() is keeping:
            logging.setLogRecordFactory(keeping.made_by)


class _Keeping:
    """A factory of log records. It may outlive its users below another one, and does nothing then."""

    def __init__(self, made_by: Callable[..., logging.LogRecord]) -> None:
        self.made_by = made_by
        self.users = 0

    def __call__(self, *args: object, **kwargs: object) -> logging.LogRecord:
        record = self.made_by(*args, **kwargs)
        # One without a name is no line yet: `makeLogRecord` fills it in later.
        if self.users > 0 and record.name is not None:
            keep(record)
        return record


def job_of(context: Context | None) -> JobRef | None:
    """Return the job that is bound in a context. From any thread."""
    bound = None if context is None else context.get(_bound)
    return None if bound is None else bound.job


class JobFilter(logging.Filter):
    """Puts `job`, `task`, `queue`, `attempt` and `max_attempts` on records that are logged inside a handler.

    Add it to a log handler of your own to see them in your own format; `kongflow run` has it on already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Bind the running job to the record; every record passes."""
        bound = _bound.get()
        record.kongflow_job = None if bound is None else bound.job
        if bound is not None:
            for name in JobRef.__slots__:
                if not hasattr(record, name):
                    setattr(record, name, getattr(bound.job, name))
        return True

"""Which job a log line belongs to: bound while a handler runs, on the loop and in its thread."""

from __future__ import annotations

import logging
from contextvars import Context, ContextVar

from kongflow.engine.events import JobRef

_bound: ContextVar[JobRef | None] = ContextVar("kongflow_job", default=None)


def bind_job(job: JobRef) -> None:
    """Let every line that is logged from here on, in this context, carry the job."""
    _bound.set(job)


def job_of(context: Context | None) -> JobRef | None:
    """Return the job that is bound in a context. From any thread."""
    return None if context is None else context.get(_bound)


class JobFilter(logging.Filter):
    """Puts `job`, `task`, `queue`, `attempt` and `max_attempts` on records that are logged inside a handler.

    Add it to a log handler of your own to see them in your own format; `kongflow run` has it on already.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Bind the running job to the record; every record passes."""
        bound = _bound.get()
        record.kongflow_job = bound
        if bound is not None:
            for name in JobRef.__slots__:
                if not hasattr(record, name):
                    setattr(record, name, getattr(bound, name))
        return True

"""Operating: what people do to single jobs, each a statement that waits some seconds for a user's transaction."""

from __future__ import annotations

from datetime import datetime

from kongflow.core.job import Job
from kongflow.errors import JobNotFound
from kongflow.store.conflicts import not_deleted, not_rescheduled, not_retried
from kongflow.store.instants import clamped
from kongflow.store.postgres.access import Access
from kongflow.store.rows import job_of, row_id


async def retry(access: Access, id: str, payload: str) -> Job:
    """Run a finished job again from attempt 0, or a waiting one now. Raises: JobNotFound, JobStateConflict."""
    ((conflict, key),) = await access.rows("retry", id=row_id(id), payload=payload, shift=access.shift)
    if conflict is not None:
        raise not_retried(id, conflict, key)
    return await _changed(access, id, "retried")


async def reschedule(access: Access, id: str, when: datetime | float | None) -> Job:
    """Let a waiting job start at an instant or in so many seconds; None is now, unless it may start already.

    Raises: JobNotFound, JobStateConflict.
    """
    run_at = clamped(when) if isinstance(when, datetime) else None
    delay = None if isinstance(when, datetime) else when
    conflict = await access.value("reschedule", id=row_id(id), run_at=run_at, delay=delay, shift=access.shift)
    if conflict is not None:
        raise not_rescheduled(id, conflict)
    return await _changed(access, id, "rescheduled")


async def delete(access: Access, id: str) -> bool:
    """Delete a job that is not running. Raises: JobStateConflict."""
    deleted = await access.value("delete", id=row_id(id))
    if deleted is False:
        raise not_deleted(id)
    return deleted is True


async def _changed(access: Access, id: str, how: str) -> Job:
    access.wakeups.announce()
    rows = await access.rows("get", id=row_id(id))
    if not rows:
        raise JobNotFound(f"job {id} was {how}, and has ended meanwhile without a trace")
    return job_of(rows[0])

"""The slots of a job's queue: as many runs as it allows are under way at once, counted in `job_count`."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import JobQueue


async def take_slot(session: AsyncSession, queue_id: str) -> bool:
    """Take a slot, unless all are taken. Whoever takes or frees one, or finds none, holds the queue's row until he
    commits: a run that waits from now on is seen by whoever frees a slot after it.
    """
    found = select(JobQueue).where(JobQueue.id == queue_id).with_for_update(key_share=True)
    queue = (await session.scalars(found.execution_options(populate_existing=True))).one()
    if queue.job_count >= queue.max_jobs:
        return False
    queue.job_count += 1
    await session.flush()
    return True


async def free_slot(session: AsyncSession, queue_id: str) -> None:
    """Give a slot back. That a run does so once is its status's business.

    A count that was set to 0 by hand keeps no run from its end.
    """
    taken = JobQueue.job_count > 0
    await session.execute(
        update(JobQueue).where(JobQueue.id == queue_id, taken).values(job_count=JobQueue.job_count - 1)
    )

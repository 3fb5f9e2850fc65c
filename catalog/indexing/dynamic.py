"""Dynamic triggers and dynamic schedules of an index → their rows, and the jobs that they start."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.database import put
from catalog.app.endpoints import KnownEndpoint
from catalog.app.models import (
    DynamicTrigger,
    DynamicTriggerType,
    EventDispatcher,
    JobVersion,
    RegisteredJob,
    ScheduleSource,
)
from catalog.app.models.events import dynamic_trigger_jobs
from catalog.app.work import Dequeue, Work
from catalog.eventing.schedules import hold_schedule, start_schedule
from catalog.indexing.index import DynamicMetadata
from catalog.indexing.triggers import manual_dispatcher


async def register_dynamic(
    work: Work, endpoint: KnownEndpoint, kind: DynamicTriggerType, offered: DynamicMetadata
) -> None:
    """Register a dynamic trigger, or a dynamic schedule with its dispatcher. It starts those of its jobs that have a
    version on this endpoint. What belongs to one that comes back works again.
    """
    session = work.session
    key = {"endpoint_id": endpoint.id, "slug": offered.id, "type": kind}
    was_offered = await session.scalar(select(DynamicTrigger.offered).filter_by(**key))
    trigger_id = await put(session, DynamicTrigger, key, offered=True)
    await _link(session, endpoint, trigger_id, offered.jobs)
    if kind is DynamicTriggerType.SCHEDULE:
        fired = {"dispatchable_id": trigger_id, "environment_id": endpoint.environment_id}
        starts = {"type": "DYNAMIC_TRIGGER", "id": trigger_id}
        await put(session, EventDispatcher, fired, dispatchable=starts, **manual_dispatcher())
    if was_offered is False:
        await _enable(session, trigger_id, enabled=True)
        for source in await _schedules(session, trigger_id):
            await start_schedule(work, source, source.schedule)


async def retire_dynamic(
    work: Work, dequeue: Dequeue, endpoint: KnownEndpoint, kind: DynamicTriggerType, listed: frozenset[str]
) -> None:
    """Let what the endpoint does not list any more start nothing: its jobs are unlinked, its dispatchers disabled. Its
    schedules stay active, without a job.
    """
    session = work.session
    for trigger in await session.scalars(select(DynamicTrigger).filter_by(endpoint_id=endpoint.id, type=kind)):
        if trigger.slug not in listed and trigger.offered:
            trigger.offered = False
            await _link(session, endpoint, trigger.id, ())
            await _enable(session, trigger.id, enabled=False)
            for source in await _schedules(session, trigger.id):
                await hold_schedule(work, source, dequeue)


async def _link(session: AsyncSession, endpoint: KnownEndpoint, trigger_id: str, slugs: tuple[str, ...]) -> None:
    """Make the jobs that the trigger starts exactly those of these slugs that have a version on this endpoint."""
    await session.execute(delete(dynamic_trigger_jobs).where(dynamic_trigger_jobs.c.dynamic_trigger_id == trigger_id))
    jobs = await session.scalars(
        select(RegisteredJob.id)
        .join(JobVersion, JobVersion.job_id == RegisteredJob.id)
        .where(JobVersion.endpoint_id == endpoint.id, RegisteredJob.slug.in_(slugs))
        .distinct()
    )
    links = [{"dynamic_trigger_id": trigger_id, "job_id": job} for job in jobs]
    if links:
        await session.execute(insert(dynamic_trigger_jobs), links)


async def _enable(session: AsyncSession, trigger_id: str, *, enabled: bool) -> None:
    await session.execute(
        update(EventDispatcher).where(EventDispatcher.dispatchable_id == trigger_id).values(enabled=enabled)
    )


async def _schedules(session: AsyncSession, trigger_id: str) -> list[ScheduleSource]:
    found = select(ScheduleSource).filter_by(dynamic_trigger_id=trigger_id, active=True).order_by(ScheduleSource.id)
    return list(await session.scalars(found))

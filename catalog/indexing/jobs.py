"""A job of an index → its rows: job, queue, version, examples, integrations, alias, and what starts it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.database import put, put_all
from catalog.app.endpoints import KnownEndpoint
from catalog.app.models import (
    EventExample,
    Integration,
    JobAlias,
    JobIntegration,
    JobQueue,
    JobVersion,
    RegisteredJob,
    VersionStatus,
)
from catalog.app.work import Dequeue, Work
from catalog.indexing.index import EventExampleMetadata, IntegrationMetadata, JobMetadata
from catalog.indexing.triggers import put_trigger
from catalog.indexing.versions import version_order


async def register_job(work: Work, dequeue: Dequeue, endpoint: KnownEndpoint, job: JobMetadata) -> None:
    """Register a job, or update it. Raises: InvalidSchedule; IntegrityError or DataError where it cannot be stored."""
    session, environment = work.session, endpoint.environment_id
    job_id = await put(
        session,
        RegisteredJob,
        {"project_id": endpoint.project_id, "slug": job.id},
        title=job.name,
        internal=job.internal,
    )
    comes_back = await _is_disabled(session, job_id, environment)
    version_id = await _put_version(session, endpoint, job_id, job)
    await _put_examples(session, version_id, job.examples)
    await _put_integrations(session, endpoint.organization_id, version_id, job.integrations)
    await point_latest(session, job_id, environment, newest=version_id)
    await put_trigger(work, dequeue, environment, job_id, version_id, job.trigger, enable=comes_back)


async def point_latest(
    session: AsyncSession, job_id: str, environment: str, *, newest: str | None = None
) -> str | None:
    """Point the alias `latest` at the highest version of the job that is offered in this environment, and of two that
    are as high at `newest`; return the version's id. Where none is offered it stays.
    """
    versions = (
        await session.execute(
            select(JobVersion.version, JobVersion.id)
            .filter_by(job_id=job_id, environment_id=environment, status=VersionStatus.ACTIVE)
            .order_by(JobVersion.id)
        )
    ).all()
    if not versions:
        return None
    latest = max(versions, key=lambda row: (version_order(row.version), row.id == newest))
    key = {"job_id": job_id, "environment_id": environment, "name": "latest"}
    await put(session, JobAlias, key, version_id=latest.id, value=latest.version)
    return str(latest.id)


async def _is_disabled(session: AsyncSession, job_id: str, environment: str) -> bool:
    """Say whether the job has versions, and no endpoint offers any of them."""
    statuses = await session.scalars(
        select(JobVersion.status).filter_by(job_id=job_id, environment_id=environment).distinct()
    )
    return statuses.all() == [VersionStatus.DISABLED]


async def _put_version(session: AsyncSession, endpoint: KnownEndpoint, job_id: str, job: JobMetadata) -> str:
    environment = endpoint.environment_id
    queue_id = await put(session, JobQueue, {"environment_id": environment, "name": job.queue}, max_jobs=job.max_jobs)
    return await put(
        session,
        JobVersion,
        {"job_id": job_id, "version": job.version, "environment_id": environment},
        status=VersionStatus.ACTIVE,
        endpoint_id=endpoint.id,
        queue_id=queue_id,
        event_specification=dict(job.event),
        trigger=dict(job.trigger),
        properties=job.trigger.get("properties"),
        start_position=job.start_position.upper(),
        preprocess_runs=job.preprocess_runs,
    )


async def _put_examples(session: AsyncSession, version_id: str, examples: Sequence[EventExampleMetadata]) -> None:
    """Make the version's examples exactly these."""
    slugs = [example.id for example in examples]
    await session.execute(
        delete(EventExample).where(EventExample.version_id == version_id, EventExample.slug.not_in(slugs))
    )
    rows = [
        {
            "version_id": version_id,
            "slug": example.id,
            "name": example.name,
            "icon": example.icon,
            "payload": example.payload,
        }
        for example in examples
    ]
    await put_all(session, EventExample, ("version_id", "slug"), rows)


async def _put_integrations(
    session: AsyncSession, organization: str, version_id: str, integrations: Sequence[IntegrationMetadata]
) -> None:
    """Make the version's integrations exactly these."""
    keys = [each.key for each in integrations]
    await session.execute(
        delete(JobIntegration).where(JobIntegration.version_id == version_id, JobIntegration.key.not_in(keys))
    )
    for each in integrations:
        slug = {"organization_id": organization, "slug": each.id}
        id = await put(session, Integration, slug, title=each.title, auth_source=each.auth_source)
        await put(session, JobIntegration, {"version_id": version_id, "key": each.key}, integration_id=id)

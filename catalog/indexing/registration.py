"""Registration: what an endpoint offers → rows of the application's tables, inside one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from catalog.app.endpoints import KnownEndpoint
from catalog.app.models import (
    DynamicTriggerType,
    Endpoint,
    EndpointIndex,
    Integration,
    JobVersion,
    Organization,
    RegisteredJob,
    VersionStatus,
)
from catalog.app.work import Dequeue, Work
from catalog.eventing.slots import InvalidSchedule
from catalog.indexing.dynamic import register_dynamic, retire_dynamic
from catalog.indexing.index import EndpointOffer, issue
from catalog.indexing.jobs import point_latest, register_job
from catalog.indexing.triggers import retire_trigger

MAX_ISSUES = 100
"""How many issues an index keeps."""


async def store_index(
    work: Work, dequeue: Dequeue, endpoint: KnownEndpoint, offer: EndpointOffer, *, source: str, **about: Any
) -> EndpointIndex:
    """Register what is offered, disable what is not any more, keep the answer, and return the new index.

    What cannot be registered costs nothing else; `stats["issues"]` names it. `about` are `reason` and `source_data`.
    Two indexings of one organization take turns: they may offer the same jobs, or the same integrations.
    """
    await _hold_shared(work.session, endpoint, offer)
    issues = {kind: list[str]() for kind in ("Job", "Dynamic trigger", "Dynamic schedule")}
    for job in offer.jobs:
        async with _set_aside(work, issues, "Job", job.id):
            await register_job(work, dequeue, endpoint, job)
    for trigger in offer.triggers:
        async with _set_aside(work, issues, "Dynamic trigger", trigger.id):
            await register_dynamic(work, endpoint, DynamicTriggerType.EVENT, trigger)
    for schedule in offer.schedules:
        async with _set_aside(work, issues, "Dynamic schedule", schedule.id):
            await register_dynamic(work, endpoint, DynamicTriggerType.SCHEDULE, schedule)
    await _retire_jobs(work, dequeue, endpoint, offer.listed_jobs)
    await retire_dynamic(work, dequeue, endpoint, DynamicTriggerType.EVENT, offer.listed_triggers)
    await retire_dynamic(work, dequeue, endpoint, DynamicTriggerType.SCHEDULE, offer.listed_schedules)

    index = EndpointIndex(endpoint_id=endpoint.id, source=source, data=dict(offer.data), **about)
    index.stats = _stats(offer, issues)
    work.session.add(index)
    await work.session.flush()
    return index


async def _hold_shared(session: AsyncSession, endpoint: KnownEndpoint, offer: EndpointOffer) -> None:
    """Lock what others lock too before anything is written: integrations, which the start of a run takes before its
    queue, and jobs, which who adds runs of several takes in the order of their ids. What is new nobody else holds.
    """
    organization, jobs = endpoint.organization_id, {job.id for job in offer.jobs}
    integrations = {integration.id for job in offer.jobs for integration in job.integrations}
    for model, shared in (
        (Organization, Organization.id == organization),
        (Integration, and_(Integration.organization_id == organization, Integration.slug.in_(integrations))),
        (RegisteredJob, and_(RegisteredJob.project_id == endpoint.project_id, RegisteredJob.slug.in_(jobs))),
    ):
        # Not `for update`, which would also keep out whoever adds a row that refers to it.
        await session.execute(select(model.id).where(shared).order_by(model.id).with_for_update(key_share=True))


def _stats(offer: EndpointOffer, issues: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Count what was registered of each kind, and add what could not be."""
    return {
        "jobs": len(offer.jobs) - len(issues["Job"]),
        "disabledJobs": offer.disabled,
        "rejectedJobs": offer.rejected + len(issues["Job"]),
        "sources": len(offer.data["sources"]),
        "dynamicTriggers": len(offer.triggers) - len(issues["Dynamic trigger"]),
        "dynamicSchedules": len(offer.schedules) - len(issues["Dynamic schedule"]),
        "issues": [*offer.issues, *chain.from_iterable(issues.values())][:MAX_ISSUES],
    }


@asynccontextmanager
async def _set_aside(work: Work, issues: dict[str, list[str]], kind: str, id: str) -> AsyncIterator[None]:
    """Let the block register one thing. Where that cannot be, nothing of it is written, and an issue says why."""
    try:
        async with work.session.begin_nested():
            yield
    except InvalidSchedule as problem:
        issues[kind].append(issue(kind, id, str(problem), "trigger.schedule"))
    except (IntegrityError, DataError, OperationalError) as problem:
        if isinstance(problem, OperationalError) and not _is_too_much(problem):
            raise
        issues[kind].append(issue(kind, id, f"the database refuses it: {problem.orig}"))


def _is_too_much(error: OperationalError) -> bool:
    """Tell what is beyond a limit of PostgreSQL (class 54) from a lock, a connection or a disk that was not there."""
    return str(getattr(error.orig, "sqlstate", None)).startswith("54")


async def _retire_jobs(work: Work, dequeue: Dequeue, endpoint: KnownEndpoint, listed: frozenset[str]) -> None:
    """Disable the versions of jobs that the endpoint has offered and does not list as enabled any more. What starts
    one of them starts what another endpoint still offers, or nothing.
    """
    session = work.session
    active = await session.execute(
        select(JobVersion.id, JobVersion.version, JobVersion.job_id, RegisteredJob.slug)
        .join(RegisteredJob, RegisteredJob.id == JobVersion.job_id)
        .where(JobVersion.endpoint_id == endpoint.id, JobVersion.status == VersionStatus.ACTIVE)
        .order_by(JobVersion.job_id)
    )
    missing = [row for row in active if row.slug not in listed]
    others = await _offered_by_others(session, endpoint) if missing else {}
    gone: dict[str, set[str]] = {}
    for row in missing:
        if (other := others.get((row.slug, row.version))) is not None:
            await session.execute(update(JobVersion).where(JobVersion.id == row.id).values(endpoint_id=other))
        else:
            gone.setdefault(row.job_id, set()).add(row.id)
    for job_id, versions in gone.items():
        await session.execute(
            update(JobVersion).where(JobVersion.id.in_(versions)).values(status=VersionStatus.DISABLED)
        )
        latest = await point_latest(session, job_id, endpoint.environment_id)
        await retire_trigger(work, dequeue, endpoint.environment_id, job_id, versions, latest)


async def _offered_by_others(session: AsyncSession, endpoint: KnownEndpoint) -> dict[tuple[str, str], str]:
    """Return which other endpoint of the environment offers a version of a job, as their newest indexes say."""
    any_index = aliased(EndpointIndex)
    newest = select(func.max(any_index.created_at)).where(any_index.endpoint_id == Endpoint.id).scalar_subquery()
    others = await session.execute(
        select(Endpoint.id, EndpointIndex.data)
        .join(EndpointIndex, and_(EndpointIndex.endpoint_id == Endpoint.id, EndpointIndex.created_at == newest))
        .where(Endpoint.environment_id == endpoint.environment_id, Endpoint.id != endpoint.id)
        .order_by(Endpoint.id)
    )
    return {
        (job["id"], job["version"]): other.id
        for other in others
        for job in other.data["jobs"]
        if isinstance(job.get("id"), str) and isinstance(job.get("version"), str) and job.get("enabled") is not False
    }

"""Registration: what an endpoint offers → rows of the application's tables, inside one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.database import put
from catalog.app.endpoints import KnownEndpoint
from catalog.app.models import (
    Endpoint,
    EndpointIndex,
    EventDispatcher,
    EventExample,
    JobAlias,
    JobQueue,
    JobVersion,
    RegisteredJob,
)
from catalog.indexing.index import EndpointOffer, EventExampleMetadata, JobMetadata

DEFAULT_MAX_JOBS = 100
"""Runs at once of a queue that names no limit: as in Trigger.dev 2.0."""

SCHEDULED_EVENT = "dev.trigger.scheduled"
"""What a schedule's dispatcher listens for; it is fired by name only."""


async def store_index(
    session: AsyncSession, endpoint: KnownEndpoint, offer: EndpointOffer, *, source: str, **about: Any
) -> str:
    """Register every job that is offered, keep the answer, and return the id of the new index.

    `about` are `reason` and `source_data`. Two indexings of one endpoint take turns.
    """
    await session.execute(select(Endpoint.id).where(Endpoint.id == endpoint.id).with_for_update())
    for job in offer.jobs:
        await _register(session, endpoint, job)
    added = await session.execute(
        insert(EndpointIndex)
        .values(endpoint_id=endpoint.id, source=source, stats=offer.stats, data=dict(offer.data), **about)
        .returning(EndpointIndex.id)
    )
    return added.scalar_one()


async def _register(session: AsyncSession, endpoint: KnownEndpoint, job: JobMetadata) -> None:
    environment = endpoint.environment_id
    job_id = await put(
        session,
        RegisteredJob,
        {"project_id": endpoint.project_id, "slug": job.id},
        title=job.name,
        internal=job.internal,
    )
    queue_id = await put(
        session, JobQueue, {"environment_id": environment, "name": "default"}, max_jobs=DEFAULT_MAX_JOBS
    )
    version_id = await put(
        session,
        JobVersion,
        {"job_id": job_id, "version": job.version, "environment_id": environment},
        endpoint_id=endpoint.id,
        queue_id=queue_id,
        event_specification=dict(job.event),
        trigger=dict(job.trigger),
        start_position=job.start_position.upper(),
        preprocess_runs=job.preprocess_runs,
    )
    await _put_examples(session, version_id, job.examples)
    await _point_latest(session, job_id, environment)
    await _put_dispatcher(session, environment, job_id, version_id, job.trigger)


async def _put_examples(session: AsyncSession, version_id: str, examples: Sequence[EventExampleMetadata]) -> None:
    """Make the version's examples exactly these."""
    slugs = [example.id for example in examples]
    await session.execute(
        delete(EventExample).where(EventExample.version_id == version_id, EventExample.slug.not_in(slugs))
    )
    for example in examples:
        key = {"version_id": version_id, "slug": example.id}
        await put(session, EventExample, key, name=example.name, icon=example.icon, payload=example.payload)


async def _point_latest(session: AsyncSession, job_id: str, environment: str) -> None:
    """Point the alias `latest` at the highest version of the job in this environment."""
    versions = await session.execute(
        select(JobVersion.version, JobVersion.id).where(
            JobVersion.job_id == job_id, JobVersion.environment_id == environment
        )
    )
    latest = max(versions, key=lambda row: version_order(row.version))
    key = {"job_id": job_id, "environment_id": environment, "name": "latest"}
    await put(session, JobAlias, key, version_id=latest.id, value=latest.version)


async def _put_dispatcher(session: AsyncSession, environment: str, job_id: str, version_id: str, trigger: Any) -> None:
    """Say which events start the job. A dynamic trigger and an invoked job listen for none of their own."""
    if trigger["type"] == "static":
        rule = trigger["rule"]
        events = [rule["event"]] if isinstance(rule["event"], str) else rule["event"]
        listens: dict[str, Any] = {
            "events": events,
            "source": rule["source"],
            "payload_filter": rule.get("payload"),
            "context_filter": rule.get("context"),
            "manual": False,
        }
    elif trigger["type"] == "scheduled":
        listens = {
            "events": [SCHEDULED_EVENT],
            "source": "trigger.dev",
            "payload_filter": {},
            "context_filter": {},
            "manual": True,
        }
    else:
        return
    key = {"dispatchable_id": job_id, "environment_id": environment}
    await put(session, EventDispatcher, key, dispatchable={"type": "JOB_VERSION", "id": version_id}, **listens)


def version_order(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Return what versions are compared by: 10.0.0 is above 9.0.0, and 1.0.0-beta is below 1.0.0."""
    numbers, _, prerelease = version.partition("-")
    parts = numbers.split(".")
    known = tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
    return known, not prerelease, version

"""A run that is started by the name of its job, without an event that somebody listens for."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Select, select

from catalog.app.database import add_once
from catalog.app.models import (
    EventRecord,
    JobAlias,
    JobRun,
    JobVersion,
    RegisteredJob,
    VersionStatus,
)
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.eventing.ingest import account_of, lock_event
from catalog.running.create import create_run


class UnknownJob(LookupError):
    """The environment offers no job of this name."""


class KeyTaken(ValueError):
    """The idempotency key is the id of an event that started something else, or nothing."""


async def invoke_job(
    work: Work,
    environment_id: str,
    slug: str,
    *,
    payload: Any = None,
    context: Any = None,
    account_id: str | None = None,
    key: str | None = None,
) -> JobRun:
    """Start a run of the newest version of a job, and return it; where `key` has started one before, return that one.

    Raises: UnknownJob; KeyTaken.
    """
    version = await _latest(work, environment_id, slug)
    event_id = key or f"evt_{secrets.token_hex(12)}"
    at = now()
    added = await add_once(
        work.session,
        EventRecord,
        {"event_id": event_id, "environment_id": environment_id},
        name="invoke",
        payload={} if payload is None else payload,
        context={} if context is None else context,
        deliver_at=at,
        delivered_at=at,
        external_account_id=await account_of(work, environment_id, account_id),
    )
    event = await lock_event(work.session, event_id=event_id, environment_id=environment_id)
    if added:
        return await create_run(work, version, event)
    found = select(JobRun).filter_by(event_id=event.id, job_id=version.job_id)
    run = (await work.session.scalars(found)).first() if event.name == "invoke" else None
    if run is None:
        raise KeyTaken("the idempotency key belongs to something else already")
    return run


def latest_versions(slug: str) -> Select[JobVersion]:
    """Return the query for what is started by the name of a job: a version in each environment that offers it."""
    return (
        select(JobVersion)
        .join(JobAlias, JobAlias.version_id == JobVersion.id)
        .join(RegisteredJob, RegisteredJob.id == JobVersion.job_id)
        .where(RegisteredJob.slug == slug, JobAlias.name == "latest", JobVersion.status == VersionStatus.ACTIVE)
    )


async def _latest(work: Work, environment_id: str, slug: str) -> JobVersion:
    latest = latest_versions(slug).where(JobVersion.environment_id == environment_id)
    version = (await work.session.scalars(latest)).one_or_none()
    if version is None:
        raise UnknownJob(slug)
    return version

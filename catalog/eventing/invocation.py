"""Invocation: the runs that a dispatcher starts for an event."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import (
    DynamicTrigger,
    Endpoint,
    EventDispatcher,
    EventRecord,
    JobAlias,
    JobRun,
    JobVersion,
    VersionStatus,
)
from catalog.app.models.events import dynamic_trigger_jobs
from catalog.app.work import Work
from catalog.running.create import create_run

JOB_VERSION, DYNAMIC_TRIGGER = "JOB_VERSION", "DYNAMIC_TRIGGER"


class UnknownDispatcher(LookupError):
    """There is no such dispatcher, or nothing that it could start."""


async def invoke(
    work: Work, dispatcher: EventDispatcher, event: EventRecord, logger: logging.Logger
) -> Sequence[JobRun]:
    """Create the runs that a dispatcher starts for an event: one of its version, or one of each job of its dynamic
    trigger. A dispatcher that is disabled, or says nothing that can be read, starts none. Raises: UnknownDispatcher.
    """
    if not dispatcher.enabled:
        return ()
    starts = _dispatchable(dispatcher.dispatchable)
    if starts is None:
        logger.warning("the dispatcher %s starts something that is not known, and so nothing", dispatcher.id)
        return ()
    kind, id = starts
    if kind == DYNAMIC_TRIGGER:
        versions = await _of_trigger(work.session, id)
    else:
        versions = [await _version(work.session, id)]
    return [await create_run(work, version, event) for version in versions]


def _dispatchable(value: Any) -> tuple[str, str] | None:
    kind, id = (value.get("type"), value.get("id")) if isinstance(value, dict) else (None, None)
    return (kind, id) if kind in (JOB_VERSION, DYNAMIC_TRIGGER) and isinstance(id, str) else None


async def _version(session: AsyncSession, id: str) -> JobVersion:
    version = await session.get(JobVersion, id)
    if version is None:
        raise UnknownDispatcher(f"there is no version {id!r} to start")
    return version


async def _of_trigger(session: AsyncSession, id: str) -> Sequence[JobVersion]:
    """Return what `latest` names of each job of a dynamic trigger, as far as it is offered, in the order of the jobs:
    runs of the same jobs that are created at once then wait for each other, never both ways.
    """
    environment = await session.scalar(
        select(Endpoint.environment_id).join(DynamicTrigger).where(DynamicTrigger.id == id)
    )
    if environment is None:
        raise UnknownDispatcher(f"there is no dynamic trigger {id!r} to start the jobs of")
    found = await session.scalars(
        select(JobVersion)
        .join(JobAlias, JobAlias.version_id == JobVersion.id)
        .join(dynamic_trigger_jobs, dynamic_trigger_jobs.c.job_id == JobVersion.job_id)
        .where(dynamic_trigger_jobs.c.dynamic_trigger_id == id)
        .where(JobAlias.environment_id == environment, JobAlias.name == "latest")
        .where(JobVersion.status == VersionStatus.ACTIVE)
        .order_by(JobVersion.job_id)
    )
    return found.all()

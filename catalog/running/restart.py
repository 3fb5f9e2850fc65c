"""Runs that somebody asks for by hand: an ended one goes on, or runs once more; a job runs for a sample event."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from catalog.app.models import (
    EnvironmentType,
    EventRecord,
    JobRun,
    JobVersion,
    Project,
    RunStatus,
    RuntimeEnvironment,
    Task,
    TaskStatus,
)
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.running.create import create_run
from catalog.running.endings import lock_run
from catalog.running.executions import add_execution
from catalog.running.invoke import latest_versions
from catalog.running.slots import take_slot

CONTINUABLE = frozenset(
    {
        RunStatus.FAILURE,
        RunStatus.TIMED_OUT,
        RunStatus.ABORTED,
        RunStatus.CANCELED,
        RunStatus.UNRESOLVED_AUTH,
        RunStatus.INVALID_PAYLOAD,
    }
)


class Refused(Exception):
    """What was asked for cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which of the jobs with one slug is meant; what is None does not matter."""

    project: str | None = None
    environment: EnvironmentType | None = None


async def continue_run(work: Work, run_id: str) -> JobRun:
    """Let a run that ended without success go on where it stood, at once or when its queue has room.

    Tasks that ended only because the run did may be done again; one that failed by itself stays so. Raises: Refused.
    """
    run = await lock_run(work.session, run_id)
    if run is None:
        raise Refused(f"there is no run {run_id!r}")
    if run.status not in CONTINUABLE:
        raise Refused(f"run {run_id} is {run.status}; only a run that ended without success goes on")
    run.output = run.completed_at = None
    # It goes on behind its preprocessing, whatever came of that.
    run.preprocess = False
    await _reopen_tasks(work, run.id)
    if await take_slot(work.session, run.queue_id):
        run.status, run.started_at, run.queued_at = RunStatus.STARTED, now(), None
        await add_execution(work, run.id, is_retry=True)
        await work.enqueue("startQueuedRuns", {"id": run.queue_id})
    else:
        run.status, run.started_at, run.queued_at = RunStatus.QUEUED, None, now()
    return run


async def re_run(work: Work, run_id: str) -> JobRun:
    """Run the version of a run once more, for a copy of its event. Raises: Refused."""
    found = select(JobRun).where(JobRun.id == run_id).options(joinedload(JobRun.event), joinedload(JobRun.version))
    old = (await work.session.scalars(found)).one_or_none()
    if old is None:
        raise Refused(f"there is no run {run_id!r}")
    event = EventRecord(
        event_id=_unique(f"{old.event.event_id}:retry"),
        name=old.event.name,
        payload=old.event.payload,
        context=old.event.context,
        source=old.event.source,
        source_context=old.event.source_context,
        is_test=old.event.is_test,
        environment_id=old.environment_id,
        external_account_id=old.external_account_id,
    )
    return await _run_for(work, old.version, event)


async def test_job(work: Work, slug: str, payload: Any, where: Where) -> JobRun:
    """Run the latest version of a job for a sample event of its own, which nobody else hears of. Raises: Refused."""
    version = await _latest(work, slug, where)
    names = version.event_specification["name"]
    name = names if isinstance(names, str) else names[0]
    event = EventRecord(
        event_id=_unique(f"test:{name}"),
        name=name,
        payload=payload,
        context={},
        source=version.event_specification.get("source") or "trigger.dev",
        is_test=True,
        environment_id=version.environment_id,
    )
    return await _run_for(work, version, event)


async def _reopen_tasks(work: Work, run_id: str) -> None:
    """Tell tasks that ended with their run from those that failed: a canceled one begins anew when it is asked for."""
    await work.session.execute(
        update(Task)
        .where(Task.run_id == run_id, Task.status == TaskStatus.ERRORED, Task.output.is_(None), Task.error.is_(None))
        .values(status=TaskStatus.CANCELED)
    )


async def _run_for(work: Work, version: JobVersion, event: EventRecord) -> JobRun:
    """Keep an event that is not delivered, and run a version for it."""
    work.session.add(event)
    await work.session.flush()
    return await create_run(work, version, event)


async def _latest(work: Work, slug: str, where: Where) -> JobVersion:
    found = (
        latest_versions(slug)
        .join(RuntimeEnvironment, RuntimeEnvironment.id == JobVersion.environment_id)
        .join(Project, Project.id == RuntimeEnvironment.project_id)
    )
    if where.project is not None:
        found = found.where(Project.slug == where.project)
    if where.environment is not None:
        found = found.where(RuntimeEnvironment.type == where.environment)
    versions = (await work.session.scalars(found)).all()
    if not versions:
        raise Refused(f"no endpoint there offers a job {slug!r}")
    if len(versions) > 1:
        raise Refused(f"{len(versions)} environments have a job {slug!r}; name the project and the environment")
    return versions[0]


def _unique(prefix: str) -> str:
    """Return an id that says when it was made; two of one millisecond differ all the same."""
    return f"{prefix}:{_milliseconds(now())}:{secrets.token_hex(2)}"


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)

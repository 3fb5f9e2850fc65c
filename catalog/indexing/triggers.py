"""What starts a job of an index → its rows: a dispatcher, a schedule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from catalog.app.database import put
from catalog.app.models import EventDispatcher, JobVersion, ScheduleSource
from catalog.app.work import Dequeue, Work
from catalog.eventing.schedules import SCHEDULED_EVENT, start_schedule, stop_schedule


async def put_trigger(
    work: Work, dequeue: Dequeue, environment: str, job_id: str, version_id: str, trigger: Any, *, enable: bool = False
) -> None:
    """Say what starts a version of the job: events, a schedule, or, where it is dynamic or invoked, nothing of its own.

    `enable`: also where its dispatcher is disabled. Raises: InvalidSchedule.
    """
    listens = _listens(trigger)
    dispatcher_id = None
    if listens is not None:
        if enable:
            listens["enabled"] = True
        listens["dispatchable"] = {"type": "JOB_VERSION", "id": version_id}
        key = {"dispatchable_id": job_id, "environment_id": environment}
        dispatcher_id = await put(work.session, EventDispatcher, key, **listens)
    found = select(ScheduleSource).filter_by(key=job_id, environment_id=environment)
    source = (await work.session.scalars(found)).one_or_none()
    if trigger["type"] == "scheduled":
        if source is None:
            source = ScheduleSource(key=job_id, environment_id=environment, schedule={}, dispatcher_id=dispatcher_id)
            work.session.add(source)
        await start_schedule(work, source, trigger["schedule"])
    elif source is not None:
        await stop_schedule(work, source, dequeue)
        await work.session.delete(source)
        await work.session.flush()
    if listens is None:
        await work.session.execute(
            delete(EventDispatcher).filter_by(dispatchable_id=job_id, environment_id=environment)
        )


async def retire_trigger(
    work: Work, dequeue: Dequeue, environment: str, job_id: str, gone: set[str], latest: str | None
) -> None:
    """Let what starts one of the versions that are gone start `latest`, as that version says; without one, nothing.

    Raises: InvalidSchedule.
    """
    session = work.session
    key = {"dispatchable_id": job_id, "environment_id": environment}
    dispatcher = (await session.scalars(select(EventDispatcher).filter_by(**key))).one_or_none()
    if dispatcher is not None and dispatcher.dispatchable.get("id") not in gone:
        return
    if latest is not None:
        trigger = await session.scalar(select(JobVersion.trigger).filter_by(id=latest))
        await put_trigger(work, dequeue, environment, job_id, latest, trigger)
    elif dispatcher is not None:
        dispatcher.enabled = False
        await session.flush()
        for source in await session.scalars(select(ScheduleSource).filter_by(dispatcher_id=dispatcher.id)):
            await stop_schedule(work, source, dequeue)


def _listens(trigger: Any) -> dict[str, Any] | None:
    """Return what a job's dispatcher listens for, or None where the job has no use for one."""
    if trigger["type"] == "static":
        rule = trigger["rule"]
        return {
            "events": [rule["event"]] if isinstance(rule["event"], str) else rule["event"],
            "source": rule["source"],
            "payload_filter": rule.get("payload"),
            "context_filter": rule.get("context"),
            "manual": False,
        }
    if trigger["type"] == "scheduled":
        return manual_dispatcher()
    return None


def manual_dispatcher() -> dict[str, Any]:
    """Return what the dispatcher of schedules says: it is fired by name only."""
    return {
        "events": [SCHEDULED_EVENT],
        "source": "trigger.dev",
        "payload_filter": {},
        "context_filter": {},
        "manual": True,
    }

"""A stage for the run engine: an environment with an endpoint, a queue and a job, written straight into the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select

from catalog.app.database import begin
from catalog.app.models import (
    Endpoint,
    EnvironmentType,
    EventRecord,
    JobAlias,
    JobQueue,
    JobRun,
    JobVersion,
    Model,
    Organization,
    Project,
    RegisteredJob,
    RunStatus,
    RuntimeEnvironment,
    Task,
    TaskStatus,
)
from catalog.app.models.tenants import digest_of

T = TypeVar("T", bound=Model)
API_KEY = "tr_dev_0123456789"


@dataclass(frozen=True)
class Stage:
    """The ids of what stands on it."""

    organization: str
    project: str
    environment: str
    endpoint: str
    queue: str
    job: str
    version: str


def keys(api_key: str) -> dict[str, str]:
    """The columns of an environment's key."""
    return {"api_key": api_key, "api_key_digest": digest_of(api_key)}


async def set_stage(
    url: str = "http://127.0.0.1:9/api/trigger", *, max_jobs: int = 100, slug: str = "shop", **version: Any
) -> Stage:
    """Add an organization with everything that one job needs. `version`: columns of the job's version."""
    async with begin() as session:
        organization = Organization(slug=slug, title=slug.title())
        project = Project(slug=slug, name=slug.title(), organization=organization)
        environment = RuntimeEnvironment(
            slug="prod", type=EnvironmentType.PRODUCTION, project=project, **keys(f"{API_KEY}{slug}")
        )
        endpoint = Endpoint(slug=slug, url=url, environment=environment)
        session.add(endpoint)
        await session.flush()
        job = RegisteredJob(slug="on-order", title="On order", internal=False, project_id=project.id)
        queue = JobQueue(name="default", max_jobs=max_jobs, environment_id=environment.id)
        columns: dict[str, Any] = {
            "version": "1.0.0",
            "event_specification": {"name": "order.paid", "title": "Event", "source": "trigger.dev", "icon": "bolt"},
            "trigger": {"type": "static", "title": "Event", "rule": {"event": "order.paid", "source": "trigger.dev"}},
            "start_position": "INITIAL",
            "preprocess_runs": False,
            **version,
        }
        new = JobVersion(job=job, queue=queue, endpoint=endpoint, environment_id=environment.id, **columns)
        session.add(new)
        await session.flush()
        session.add(
            JobAlias(name="latest", value=new.version, job_id=job.id, environment_id=environment.id, version_id=new.id)
        )
        return Stage(organization.id, project.id, environment.id, endpoint.id, queue.id, job.id, new.id)


async def add_event(stage: Stage, event_id: str = "evt_1", payload: Any = None, **columns: Any) -> str:
    """Add an event record, and return its id."""
    async with begin() as session:
        event = EventRecord(
            event_id=event_id, name="order.paid", payload=payload or {}, environment_id=stage.environment, **columns
        )
        session.add(event)
        await session.flush()
        return event.id


async def one(model: type[T], **columns: Any) -> T:
    """Return the only row of a table with these values."""
    async with begin() as session:
        return (await session.scalars(select(model).filter_by(**columns))).one()


async def every(model: type[T], **columns: Any) -> list[T]:
    """Return the rows of a table with these values, in the order of their ids."""
    async with begin() as session:
        return list(await session.scalars(select(model).filter_by(**columns).order_by(model.id)))


async def add_run(stage: Stage, status: RunStatus = RunStatus.PENDING, **columns: Any) -> str:
    """Add a run for an event of its own, in any state, and return its id; one under way counts in its queue."""
    async with begin() as session:
        job = await session.get_one(RegisteredJob, stage.job)
        job.last_number += 1
        event = EventRecord(
            event_id=f"evt_{job.last_number}", name="order.paid", payload={"id": "u1"}, environment_id=stage.environment
        )
        session.add(event)
        await session.flush()
        run = JobRun(
            number=job.last_number,
            status=status,
            job_id=stage.job,
            version_id=stage.version,
            event_id=event.id,
            endpoint_id=stage.endpoint,
            environment_id=stage.environment,
            queue_id=stage.queue,
            **columns,
        )
        session.add(run)
        if status.holds_slot:
            (await session.get_one(JobQueue, stage.queue)).job_count += 1
        await session.flush()
        return run.id


async def add_task(run_id: str, key: str = "k1", **columns: Any) -> str:
    """Add a task of a run, RUNNING unless told otherwise, and return its id."""
    async with begin() as session:
        task = Task(run_id=run_id, **{"idempotency_key": key, "name": "step", "status": TaskStatus.RUNNING, **columns})
        session.add(task)
        await session.flush()
        return task.id

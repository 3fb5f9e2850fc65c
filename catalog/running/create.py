"""A new run of a job for an event, and the job that starts it."""

from __future__ import annotations

from sqlalchemy import update

from catalog.app.models import EventRecord, JobRun, JobVersion, RegisteredJob
from catalog.app.work import Work
from catalog.client import JobKeyMode
from kongflow import Job


async def create_run(work: Work, version: JobVersion, event: EventRecord) -> JobRun:
    """Add a PENDING run of a version for an event, and enqueue its startRun."""
    counted = (
        update(RegisteredJob)
        .where(RegisteredJob.id == version.job_id)
        .values(last_number=RegisteredJob.last_number + 1)
        .returning(RegisteredJob.last_number)
    )
    run = JobRun(
        number=(await work.session.execute(counted)).scalar_one(),
        preprocess=version.preprocess_runs,
        is_test=event.is_test,
        job_id=version.job_id,
        version_id=version.id,
        event_id=event.id,
        endpoint_id=version.endpoint_id,
        environment_id=version.environment_id,
        queue_id=version.queue_id,
        external_account_id=event.external_account_id,
    )
    work.session.add(run)
    await work.session.flush()
    await enqueue_start(work, run)
    return run


async def enqueue_start(work: Work, run: JobRun, *, job_key_mode: JobKeyMode = "replace") -> Job:
    """Enqueue the startRun of a run. Starts of one queue take turns; the newest job of a run is the one that counts."""
    return await work.enqueue(
        "startRun",
        {"id": run.id},
        queue=f"job-queue:{run.queue_id}",
        job_key=f"start:{run.id}",
        job_key_mode=job_key_mode,
    )

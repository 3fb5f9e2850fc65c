"""The start of a run: it takes a slot of its queue, or waits for one, or for a connection."""

from __future__ import annotations

from sqlalchemy import select

from catalog.app.models import ExecutionReason, JobQueue, JobRun, RunStatus
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.running.connections import connect, wait_for
from catalog.running.create import enqueue_start
from catalog.running.endings import lock_run
from catalog.running.executions import add_execution
from catalog.running.slots import take_slot


async def start_run(work: Work, run_id: str) -> RunStatus | None:
    """Start a run that may start, and return where it stands now; one that is under way or over is left as it is."""
    run = await lock_run(work.session, run_id)
    if run is None:
        return None
    if not run.status.may_start:
        return run.status
    # Integrations before the queue, as who indexes an endpoint takes them.
    if missing := await connect(work.session, run):
        run.status = RunStatus.WAITING_ON_CONNECTIONS
        await wait_for(work, run, missing)
        # Whoever has woken this run has a slot for another.
        await work.enqueue("startQueuedRuns", {"id": run.queue_id})
        return run.status
    if not await take_slot(work.session, run.queue_id):
        run.status, run.queued_at = RunStatus.QUEUED, run.queued_at or now()
        return run.status
    if run.preprocess:
        run.status, reason = RunStatus.PREPROCESSING, ExecutionReason.PREPROCESS
    else:
        run.status, reason = RunStatus.STARTED, ExecutionReason.EXECUTE_JOB
        run.started_at = now()
    await add_execution(work, run.id, reason)
    await work.enqueue("startQueuedRuns", {"id": run.queue_id})
    return run.status


async def wake_queues(work: Work) -> int:
    """Wake every queue that has a free slot while a run waits, and return how many there are.

    The end of a run wakes its queue; nothing does where its slots became more, or where that job failed.
    """
    waiting = (
        select(JobQueue.id)
        .join(JobRun, JobRun.queue_id == JobQueue.id)
        .where(JobRun.status == RunStatus.QUEUED, JobQueue.job_count < JobQueue.max_jobs)
        .distinct()
    )
    queues = (await work.session.scalars(waiting)).all()
    for queue_id in queues:
        await work.enqueue(
            "startQueuedRuns", {"id": queue_id}, job_key=f"wake:{queue_id}", job_key_mode="unsafe_dedupe"
        )
    return len(queues)


async def start_queued_runs(work: Work, queue_id: str) -> str | None:
    """Enqueue the start of the run that has waited longest, where there is a free slot; return its id.

    One run a call: its start calls for the next.
    """
    waiting = (
        select(JobRun)
        .join(JobQueue, JobQueue.id == JobRun.queue_id)
        .where(JobRun.queue_id == queue_id, JobRun.status == RunStatus.QUEUED)
        .where(JobQueue.job_count < JobQueue.max_jobs)
        .order_by(JobRun.queued_at, JobRun.id)
        .limit(1)
    )
    run = (await work.session.scalars(waiting)).one_or_none()
    if run is None:
        return None
    await enqueue_start(work, run)
    return run.id

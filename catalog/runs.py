"""The handlers of the run engine: startRun, performRunExecution, runFinished, startQueuedRuns, recoverExecutions,
connectionCreated and missingConnectionCreated.
"""

from __future__ import annotations

import logging
from typing import Any, TypedDict

from catalog.app.database import begin
from catalog.app.models import RunStatus
from catalog.app.work import complete, patiently, working
from catalog.running import connections, finished, recovery, start
from catalog.running.calls import Call, make, prepare
from catalog.running.conclude import conclude
from catalog.running.steps import Fail, Step, TryAgain, in_words
from kongflow import GiveUp, JobContext


class Reference(TypedDict):
    """The payload of a task that is about one row."""

    id: str


async def start_run(payload: Reference, job: JobContext) -> None:
    """Start a run, or let it wait for a slot of its queue or for a connection. Doing it twice does no harm."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        tx.result({"status": await start.start_run(work, payload["id"])})


async def perform_run_execution(payload: Reference, job: JobContext) -> None:
    """Call the endpoint of a run, and write what its answer means together with the end of this job.

    The service tries again by itself: a call that was cut off is made anew, in the same attempt of its execution.
    """
    call = await patiently(job, lambda: _prepare(payload, job))
    if call is None:
        return
    step = await make(call)
    status = await patiently(job, lambda: complete(job, lambda work: conclude(work, call, step)))
    if status is not None:
        _tell(job.logger, call.run_id, step, status)


async def _prepare(payload: Reference, job: JobContext) -> Call | None:
    async with begin() as session:
        return await prepare(session, payload["id"], (int(job.id), job.claims))


def _tell(logger: logging.Logger, run_id: str, step: Step, status: RunStatus) -> None:
    problem = in_words(step.output) if isinstance(step, TryAgain | Fail) else ""
    if status.is_final:
        level = logging.INFO if status is RunStatus.SUCCESS else logging.WARNING
        logger.log(level, "the run %s has ended as %s%s", run_id, status, problem and f": {problem}")
    elif isinstance(step, TryAgain):
        logger.warning("a call of the run %s came to nothing, and is made again: %s", run_id, problem)


async def run_finished(payload: Reference, job: JobContext) -> None:
    """Wake the queue of a run that has ended, and send the events of its output."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        sent = await finished.run_finished(work, payload["id"])
        if sent is None:
            raise GiveUp(f"there is no run {payload['id']!r}")
        tx.result({"events": sent})


async def start_queued_runs(payload: Reference, job: JobContext) -> None:
    """Start the run that has waited longest, where its queue has a free slot."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        tx.result({"run": await start.start_queued_runs(work, payload["id"])})


async def recover_executions(_payload: Any, job: JobContext) -> None:
    """Enqueue anew starts, calls and operations whose job is gone, and wake queues that have room for a run."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        tx.result({"recovered": await recovery.recover(work), "woken": await start.wake_queues(work)})


async def connection_created(payload: Reference, job: JobContext) -> None:
    """Start every run that waited for a connection."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        tx.result({"runs": await connections.announce_connection(work, payload["id"])})


async def missing_connection_created(payload: Reference, job: JobContext) -> None:
    """Tell a project which connection its runs wait for."""
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        await connections.announce_missing(work, payload["id"])

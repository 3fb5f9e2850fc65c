"""The handler of performTaskOperation."""

from __future__ import annotations

from typing import TypedDict

from catalog.app.database import look
from catalog.app.work import working
from catalog.running.operations import load_operation, perform, resume_run_of, settle
from kongflow import JobContext


class Reference(TypedDict):
    """The payload: the id of the task."""

    id: str


async def perform_task_operation(payload: Reference, job: JobContext) -> None:
    """Do what a task of a run has left to the platform, and let the run go on together with the end of this job.

    An address that cannot be reached is tried in every attempt of the job, and costs the task at the last. The request
    may be made twice where the process dies before the commit.
    """
    async with look() as session:
        operation = await load_operation(session, payload["id"])
    outcome = None if operation is None else await perform(operation, last_try=job.attempt >= job.max_attempts)
    async with job.transaction() as tx, working(tx.connection, tx.enqueue) as work:
        if operation is None or outcome is None:
            await resume_run_of(work, payload["id"])
            tx.result({"status": None})
        else:
            tx.result({"status": await settle(work, operation, outcome)})

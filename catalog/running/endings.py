"""The end of a run: its tasks and executions end with it, and its slot goes to the next."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app.models import JobRun, RunStatus, Task, TaskStatus
from catalog.app.models.base import now
from catalog.app.work import Work
from catalog.running.executions import CANCELED, close_executions
from catalog.running.slots import free_slot


async def lock_run(session: AsyncSession, run_id: str) -> JobRun | None:
    """Return a run as it stands now, and hold its row until the commit.

    Whoever changes a run comes through here, and takes what belongs to it only then: tasks, executions, its queue.
    Rows that refer to the run may be added meanwhile.
    """
    found = select(JobRun).where(JobRun.id == run_id).with_for_update(key_share=True)
    return (await session.scalars(found.execution_options(populate_existing=True))).one_or_none()


async def end_run(work: Work, run: JobRun, status: RunStatus, output: Any) -> None:
    """End a run that is locked, and enqueue what follows an end."""
    await _end(work, run, status, "The run had ended.")
    run.output = output
    await work.enqueue("runFinished", {"id": run.id})


async def cancel_run(work: Work, run_id: str) -> JobRun | None:
    """End a run as CANCELED unless it has ended, and return it; a call that is under way changes nothing any more."""
    run = await lock_run(work.session, run_id)
    if run is None or run.status.is_final:
        return run
    await _end(work, run, RunStatus.CANCELED, CANCELED)
    await work.enqueue("startQueuedRuns", {"id": run.queue_id})
    return run


async def _end(work: Work, run: JobRun, status: RunStatus, reason: str) -> None:
    if run.status.holds_slot:
        await free_slot(work.session, run.queue_id)
    run.status = status
    run.completed_at = now()
    await close_executions(work, run.id, reason)
    if status is not RunStatus.SUCCESS:
        await _close_tasks(work.session, run.id, _TASKS_END.get(status, TaskStatus.ERRORED))


_TASKS_END = {RunStatus.CANCELED: TaskStatus.CANCELED, RunStatus.TIMED_OUT: TaskStatus.CANCELED}


async def _close_tasks(session: AsyncSession, run_id: str, status: TaskStatus) -> None:
    open_ones = [each for each in TaskStatus if not each.is_final]
    await session.execute(
        update(Task).where(Task.run_id == run_id, Task.status.in_(open_ones)).values(status=status, completed_at=now())
    )

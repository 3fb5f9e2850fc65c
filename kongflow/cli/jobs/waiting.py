"""Waiting for the end of a job on the command line: each change is told on stderr, the outcome is the exit code."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from kongflow.app import KongFlow, found
from kongflow.cli.jobs.shape import attempts_text, last_error, outcome_text
from kongflow.cli.output import note
from kongflow.core.duration import format_duration
from kongflow.core.job import Job, JobState
from kongflow.errors import KongFlowError, WaitTimedOut

AWAITED_EXIT_CODES = {JobState.SUCCEEDED: 0, JobState.FAILED: 10, JobState.CANCELLED: 11}


class WaitInterrupted(KongFlowError):
    """Ctrl-C while jobs were waited for: they go on."""

    exit_code = 130

    def __init__(self, ids: Sequence[str]) -> None:
        jobs, waits = ("jobs", "go on") if len(ids) > 1 else ("job", "goes on")
        again = f"`kongflow jobs wait {' '.join(ids)}` waits again"
        super().__init__(f"interrupted; {jobs} {', '.join(ids)} {waits}, and {again}")


# Seconds: short enough for a script that waits on many short jobs, long enough to leave the database alone.
_LOOK = 0.1


async def wait_and_tell(flow: KongFlow, id: str, patience: float | None) -> Job:
    """Return a job when it has ended, and say on stderr how it gets there, one line a change.

    `patience` is seconds. Raises: JobNotFound, WaitTimedOut.
    """
    deadline = None if patience is None else time.monotonic() + patience
    job = found(await flow.store.await_outcome(id), id)
    told = ""
    while True:
        if (line := _line(job, flow)) != told:
            note(line)
            told = line
        if job.state.is_final:
            return job
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimedOut(f"job {id} is still {job.state} after {format_duration(patience or 0)}; it goes on")
        await asyncio.sleep(_LOOK)
        job = await flow.get(id)


def _line(job: Job, flow: KongFlow) -> str:
    if job.state.is_final:
        return f"job {job.id} {job.task}: {outcome_text(job)}"
    return f"job {job.id} {job.task}: {job.state}, attempt {attempts_text(job, flow.catalog)}{last_error(job)}"

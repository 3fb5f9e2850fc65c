"""For the tests of applications: run what is due, and see what was added.

>>> async with KongFlow.from_config("kongflow.yaml") as flow:
...     await flow.enqueue("greet", {"name": "Ada"})
...     assert [end.outcome for end in await drain(flow)] == ["succeeded"]
"""

from __future__ import annotations

from dataclasses import dataclass

from kongflow.app import KongFlow
from kongflow.core.job import Job
from kongflow.engine.events import Event, Events, JobCancelled, JobEnded, JobFailed, JobRefused, JobRetried

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt of a job ended."""

    id: str
    task: str
    outcome: str
    """`succeeded`, `retried`, `failed`, `cancelled`, `snoozed` or `released`."""
    reason: str | None = None
    """Why a job failed or was cancelled, as in `Job.reason`."""
    error: str | None = None
    """The error of an attempt that failed: its class and message."""


async def drain(flow: KongFlow) -> list[Ended]:
    """Run every job that is due, and those that they add, in this event loop; return how each attempt ended, in order.

    A job that waits for its time or its retry is left waiting; `flow.store.advance(seconds)` makes it due.
    """
    ends: list[Ended] = []

    def listen(event: Event) -> None:
        end = _end(event)
        if end is not None:
            ends.append(end)

    await flow.run(until_idle=True, events=Events(listen))
    return ends


async def enqueued(flow: KongFlow, task: str | None = None) -> list[Job]:
    """Return the jobs of a task, or of all, in the order in which they were added, whatever became of them."""
    jobs: list[Job] = []
    cursor: str | None = None
    while True:
        page = await flow.jobs(task=task, limit=_PAGE, cursor=cursor)
        jobs.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return jobs[::-1]


def _end(event: Event) -> Ended | None:
    if isinstance(event, JobRefused):
        return Ended(event.job, event.task, event.outcome, event.reason)
    if not isinstance(event, JobEnded):
        return None
    reason = event.reason if isinstance(event, (JobFailed, JobCancelled)) else None
    error = event.error if isinstance(event, (JobFailed, JobRetried)) else None
    return Ended(event.job.job, event.job.task, event.outcome, reason, error)

"""Why jobs that were added or are shown do not start: no living runner takes them."""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.app import KongFlow
from kongflow.cli.output import note
from kongflow.core.job import Job, JobState
from kongflow.engine.serving import why_unserved
from kongflow.errors import StoreForbidden


async def unserved(flow: KongFlow, jobs: Sequence[Job]) -> list[str]:
    """Return why no living runner takes those of the jobs that wait, each reason once; nothing where all are taken."""
    waiting = [job for job in jobs if not job.state.is_final and job.state is not JobState.RUNNING]
    if not waiting:
        return []
    try:
        living = [runner for runner in await flow.store.runners() if runner.alive]
        rules = await flow.store.rules_in_force() or flow.catalog.queues
    except StoreForbidden:  # a role that only adds jobs: it may not look at the runners
        return []
    reasons = [why_unserved(job, living, rules, flow.catalog) for job in waiting]
    return list(dict.fromkeys(reason for reason in reasons if reason))


async def warn_if_unserved(flow: KongFlow, jobs: Sequence[Job]) -> None:
    """Say why jobs will wait for a runner that is not there: the most common first mistake."""
    for reason in await unserved(flow, jobs):
        note(reason)

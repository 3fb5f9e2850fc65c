"""Why jobs that may start do not: no living runner takes them."""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.app import KongFlow
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.queue import QueueFilter, QueueRules
from kongflow.core.spelling import did_you_mean
from kongflow.errors import StoreForbidden
from kongflow.store.records import RunnerView


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


def why_unserved(job: Job, living: Sequence[RunnerView], rules: QueueRules, catalog: Catalog) -> str:
    """Return why none of the living runners takes a job, and what to do; empty where one does."""
    if not living and job.task in catalog.tasks:
        return "no runner is alive; start one: kongflow run"
    knowing = [runner for runner in living if job.task in runner.tasks]
    if not knowing:
        undeclared = f"; it is not declared{catalog.where}{did_you_mean(job.task, catalog.tasks)}"
        return f"no living runner knows task {job.task!r}{'' if job.task in catalog.tasks else undeclared}"
    if job.state is JobState.UNROUTED:  # its queue is rendered by whoever knows the task
        return ""
    allowing = [runner for runner in knowing if not set(job.flags) & set(runner.forbidden_flags)]
    if not allowing:
        return f"every living runner that knows task {job.task!r} forbids one of its flags: {', '.join(job.flags)}"
    if not any(QueueFilter(runner.queues).serves(job.queue, rules) for runner in allowing):
        where = "jobs without a queue" if job.queue is None else f"queue {job.queue!r}"
        return f"no living runner that knows task {job.task!r} serves {where}"
    return ""

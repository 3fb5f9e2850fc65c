"""Serving: why jobs that may start do not, because no living runner takes them."""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.queue import QueueFilter, QueueRules
from kongflow.core.spelling import did_you_mean
from kongflow.store.records import LiveJobs, RunnerView


def why_unserved(job: Job | LiveJobs, living: Sequence[RunnerView], rules: QueueRules, catalog: Catalog) -> str:
    """Return why none of the living runners takes a job, or jobs of a kind, and what to do; empty where one does."""
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

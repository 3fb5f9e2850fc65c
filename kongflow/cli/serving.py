"""Which jobs no living runner would take."""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.app import KongFlow
from kongflow.core.job import Job
from kongflow.core.queue import QueueFilter, QueueRules
from kongflow.store.records import RunnerView


async def unserved(flow: KongFlow, jobs: Sequence[Job]) -> list[tuple[str, str | None]]:
    """Return the task and queue of each job that waits and that no living runner takes, each pair once."""
    waiting = [job for job in jobs if not job.state.is_final]
    if not waiting:
        return []
    living = [runner for runner in await flow.store.runners() if runner.alive]
    rules = await flow.store.rules_in_force() or flow.catalog.queues
    pairs = [(job.task, job.queue) for job in waiting if not any(_takes(runner, job, rules) for runner in living)]
    return list(dict.fromkeys(pairs))


def _takes(runner: RunnerView, job: Job, rules: QueueRules) -> bool:
    return (
        job.task in runner.tasks
        and not set(job.flags) & set(runner.forbidden_flags)
        and QueueFilter(runner.queues).serves(job.queue, rules)
    )

"""Claiming: a row that `claim` returned as a job."""

from __future__ import annotations

from kongflow.core.job import ClaimedJob
from kongflow.store.records import RunnerInfo, max_attempts
from kongflow.store.rows import Row, json_value, names, to_instant


def claimed_job(row: Row, info: RunnerInfo) -> ClaimedJob:
    """Return a leased job, as the catalog of the runner that has it sees it."""
    (id, lease, task, queue, priority, payload, attempt, given, claims, crashes, run_at, created_at, age, *rest) = row
    key, flags, tags = rest
    return ClaimedJob(
        id=str(id),
        lease=lease,
        task=task,
        queue=queue,
        priority=priority,
        payload=json_value(payload),
        attempt=attempt,
        max_attempts=max_attempts(info.tasks[task], given),
        claims=claims,
        crashes=crashes,
        run_at=to_instant(run_at),
        created_at=to_instant(created_at),
        age=age,
        key=key,
        flags=names(flags),
        tags=names(tags),
    )

"""Routing: jobs that were added by SQL, and the results of routing them as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kongflow.core.job import JobOptions, NewJob, UnroutedJob
from kongflow.core.task import JobKeyMode, Keep
from kongflow.store.attempts import ended_text
from kongflow.store.instants import to_instant
from kongflow.store.postgres.adding import delay_of, new_job_arrays
from kongflow.store.records import Routed
from kongflow.store.rows import Row, row_id

_NO_JOB = NewJob(task="", payload="{}")
"""Stands where a result is a failure."""


def unrouted_job(row: Row) -> UnroutedJob:
    """Return an unrouted job with the options that its insert gave."""
    id, task, payload, run_at, queue, priority, max_attempts, key, mode, flags, tags, was_rendered = row
    return UnroutedJob(
        id=str(id),
        task=task,
        payload=payload,
        options=JobOptions(
            run_at=None if run_at is None else to_instant(run_at),
            queue=queue,
            priority=priority,
            max_attempts=max_attempts,
            job_key=key,
            job_key_mode=None if mode is None else JobKeyMode(mode),
            flags=None if flags is None else tuple(flags),
            tags=None if tags is None else tuple(tags),
        ),
        was_rendered=was_rendered,
    )


def routed_arrays(routed: Sequence[Routed]) -> dict[str, list[Any]]:
    """Return the columns of results, each an array with one entry a result."""
    jobs = [result.job or _NO_JOB for result in routed]
    failures = [result.failure for result in routed]
    return {
        **new_job_arrays(jobs),
        "delays": [None if job.delay is None else delay_of(job) for job in jobs],
        "ids": [row_id(result.id) for result in routed],
        "failures": [None if failure is None else failure.reason for failure in failures],
        "ended": [None if failure is None else ended_text(failure) for failure in failures],
        "keeps": [result.keep in (Keep.ALL, Keep.FAILED) for result in routed],
    }

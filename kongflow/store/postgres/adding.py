"""Adding: jobs as the arrays that `add_jobs` takes, and what it returns as jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kongflow.core.job import Job, NewJob
from kongflow.store.instants import clamped
from kongflow.store.rows import FIELDS, INSTANTS, Row, added_job, job_of, json_list

_LONGEST_DELAY = 1e12
"""Seconds; beyond all calendars, and still a number that PostgreSQL reckons with."""


def new_job_arrays(jobs: Sequence[NewJob]) -> dict[str, list[Any]]:
    """Return the columns of jobs to add, each an array with one entry a job."""
    return {
        "tasks": [job.task for job in jobs],
        "payloads": [job.payload for job in jobs],
        "queues": [job.queue for job in jobs],
        "rules": [job.rule for job in jobs],
        "priorities": [job.priority for job in jobs],
        "run_ats": [None if job.run_at is None else clamped(job.run_at) for job in jobs],
        "delays": [delay_of(job) for job in jobs],
        "max_attempts": [job.max_attempts for job in jobs],
        "keys": [job.job_key for job in jobs],
        "modes": [job.job_key_mode for job in jobs],
        "flags": [json_list(job.flags) for job in jobs],
        "tags": [json_list(job.tags) for job in jobs],
    }


def delay_of(job: NewJob) -> float:
    """Return the delay of a job without a `run_at`, in seconds."""
    return min(max(job.delay or 0.0, 0.0), _LONGEST_DELAY)


def added_jobs(jobs: Sequence[NewJob], rows: Sequence[Row]) -> list[Job]:
    """Return the jobs of what `add_jobs` returned: one row for each without a key, one for each key."""
    of_entry: dict[int, Job] = {}
    of_key: dict[str, Job] = {}
    for n, created, id, state, run_at, created_at, present in rows:
        new = jobs[n - 1]
        job = added_job(id, new, state, run_at, created_at) if created else _present_job(present)
        if new.job_key is None:
            of_entry[n] = job
        else:
            of_key[new.job_key] = job
    return [of_entry[n] if job.job_key is None else of_key[job.job_key] for n, job in enumerate(jobs, 1)]


def _present_job(text: str) -> Job:
    """Return a job that came as JSON of job_row."""
    fields = json.loads(text)
    instants = {name: datetime.fromisoformat(fields[name]) for name in INSTANTS if fields[name] is not None}
    return job_of([{**fields, **instants}[name] for name in FIELDS])

"""Adding: jobs with and without a key, and taking a waiting one back. Also inside a transaction of the user's.

A key belongs to the newest job that has it. The unique index holds only jobs that were never claimed: `replace` and
`preserve_run_at` update that one, or add another; an older job of the key that was claimed before ends `superseded`,
at once where it waits, at the end of its attempt where it runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from kongflow.core.job import Job, NewJob, Reason
from kongflow.core.task import JobKeyMode
from kongflow.store.rows import RUNNING, Due, added_job, due, due_at, job_of, json_list
from kongflow.store.sqlite.ending import cancel_waiting
from kongflow.store.sqlite.transaction import Transaction


def add_jobs(tx: Transaction, jobs: Sequence[NewJob]) -> list[Job]:
    """Add jobs in order. Of several of one key the last wins, and all of them return it."""
    last_of_key = {job.job_key: index for index, job in enumerate(jobs) if job.job_key is not None}
    of_key: dict[str, Job] = {}
    added: list[Job | str] = []
    plain: list[NewJob] = []
    for index, job in enumerate(jobs):
        if job.job_key is None:
            plain.append(job)
            continue
        added.extend(_insert_all(tx, plain))
        plain.clear()
        if last_of_key[job.job_key] == index:
            of_key[job.job_key] = _add_keyed(tx, job, job.job_key)
        added.append(job.job_key)
    added.extend(_insert_all(tx, plain))
    return [of_key[job] if isinstance(job, str) else job for job in added]


def dequeue_job(tx: Transaction, key: str) -> Job | None:
    """Cancel the waiting job of a key and return it; None where none waits."""
    never_claimed = (tx.one("key_unrouted", key=key), tx.one("key_waiting", key=key))
    waiting = [row[0] for row in never_claimed if row is not None]
    waiting += [row[0] for row in tx.all("key_claimed", key=key) if row[1] != RUNNING]
    return cancel_waiting(tx, waiting[0], Reason.REQUEST) if waiting else None


def supersede_older(tx: Transaction, key: str, newest: int) -> None:
    """Make older jobs of a key that were claimed before give way to the newest."""
    for older, state, _ in tx.all("key_claimed", key=key):
        if older >= newest:
            continue
        if state == RUNNING:
            tx.run("note_newest", key=key, id=newest)
        else:
            cancel_waiting(tx, older, Reason.SUPERSEDED)


def live_job(tx: Transaction, id: int) -> Job | None:
    """Read one live job."""
    row = tx.one("get_live", id=id)
    return None if row is None else job_of(row)


def _add_keyed(tx: Transaction, job: NewJob, key: str) -> Job:
    waiting = tx.one("key_waiting", key=key)
    if job.job_key_mode is JobKeyMode.UNSAFE_DEDUPE:
        held_by = waiting or next(iter(tx.all("key_claimed", key=key)), None)
        present = None if held_by is None else live_job(tx, held_by[0])
        if present is not None:
            return present
    if waiting is None:
        added = _insert_all(tx, [job])[0]
        supersede_older(tx, key, int(added.id))
        return added
    job_id, queue, run_at, _ = waiting
    when = due_at(run_at, tx.now) if job.job_key_mode is JobKeyMode.PRESERVE_RUN_AT else due(job, tx.now)
    tx.run("replace_job", id=job_id, **_values(job, when))
    tx.touch(queue)
    replaced = live_job(tx, job_id)
    assert replaced is not None
    return replaced


def _insert_all(tx: Transaction, jobs: Sequence[NewJob]) -> list[Job]:
    """Insert rows; their ids follow each other, for nobody else can write meanwhile."""
    whens = [due(job, tx.now) for job in jobs]
    tx.many(
        "insert_job",
        [{"key": job.job_key, "now": tx.now, **_values(job, when)} for job, when in zip(jobs, whens, strict=True)],
    )
    last = tx.one("last_id") if jobs else None
    first = 0 if last is None else last[0] - len(jobs) + 1
    return [
        added_job(job_id, job, when.state, when.run_at, tx.now)
        for job_id, (job, when) in enumerate(zip(jobs, whens, strict=True), start=first)
    ]


def _values(job: NewJob, when: Due) -> dict[str, object]:
    return {
        "task": job.task,
        "state": when.state,
        "queue": job.queue,
        "rule": job.rule,
        "priority": job.priority,
        "run_at": when.run_at,
        "ready_at": when.ready_at,
        "max_attempts": job.max_attempts,
        "flags": json_list(job.flags),
        "tags": json_list(job.tags),
        "awaited": int(job.awaited),
        "payload": job.payload,
    }

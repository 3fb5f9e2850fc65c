"""Operating: what people do to single jobs: cancel, retry, reschedule, delete, wait for."""

from __future__ import annotations

from datetime import datetime

from kongflow.core.job import Job, JobState, Reason
from kongflow.store.conflicts import missing, not_deleted, not_rescheduled, not_retried
from kongflow.store.instants import clamped, seconds_later, to_millis
from kongflow.store.rows import READY, RUNNING, SCHEDULED, job_of
from kongflow.store.sqlite.adding import live_job
from kongflow.store.sqlite.ending import READABLE_AFTER_AWAIT, cancel_waiting
from kongflow.store.sqlite.runners import roster_changed
from kongflow.store.sqlite.transaction import Transaction


def cancel(tx: Transaction, id: int) -> Job | None:
    """Cancel a waiting job, or ask for the cancel of a running one; a finished one is returned as it is."""
    if tx.run("request_cancel", id=id):
        return live_job(tx, id)
    return cancel_waiting(tx, id, Reason.REQUEST) or finished_job(tx, id)


def asked_to_cancel(tx: Transaction, runner: int) -> frozenset[int]:
    """Return the leases of a runner's running jobs that somebody asked to cancel."""
    return frozenset(lease for (lease,) in tx.all("asked_to_cancel", runner=runner))


def retry(tx: Transaction, id: int, payload: str) -> Job:
    """Run a finished job again from attempt 0, or a waiting one now. Raises: JobNotFound, JobStateConflict."""
    row = tx.one("live_state", id=id)
    if row is None:
        return _revive(tx, id, payload)
    state, queue = row
    if state == RUNNING:
        raise not_retried(id, "running", None)
    tx.run("run_now", id=id, payload=payload, now=tx.now, scheduled=SCHEDULED, ready=READY)
    tx.touch(queue)
    job = live_job(tx, id)
    assert job is not None
    return job


def reschedule(tx: Transaction, id: int, when: datetime | float | None) -> Job:
    """Let a waiting job start at an instant or in so many seconds; None is now, unless it may start already.

    Raises: JobNotFound, JobStateConflict.
    """
    job = live_job(tx, id)
    if job is None:
        raise not_rescheduled(id, "missing" if finished_job(tx, id) is None else "finished")
    if job.state is JobState.RUNNING:
        raise not_rescheduled(id, "running")
    if isinstance(when, datetime):
        run_at = to_millis(clamped(when))
    elif when is not None:
        run_at = seconds_later(tx.now, when)
    elif job.state in (JobState.READY, JobState.BLOCKED) or to_millis(job.run_at) < tx.now:
        return job
    else:
        run_at = tx.now
    tx.run("reschedule", id=id, run_at=run_at, now=tx.now)
    tx.touch(job.queue)
    rescheduled = live_job(tx, id)
    assert rescheduled is not None
    return rescheduled


def delete(tx: Transaction, id: int) -> bool:
    """Delete a job that is not running. Raises: JobStateConflict."""
    row = tx.one("live_state", id=id)
    if row is None:
        return tx.run("delete_finished", id=id) > 0
    if row[0] == RUNNING:
        raise not_deleted(id)
    ended = tx.one("finish_job", id=id, lease=None)
    tx.touch(row[1])
    if ended is not None and ended[1] is not None:
        tx.run("forget_newest", key=ended[1])
    return True


def note_awaited(tx: Transaction, id: int) -> Job | None:
    """Return a job whose outcome will stay readable for a while after its end, because somebody waits for it."""
    if tx.run("await_live", id=id):
        return live_job(tx, id)
    tx.run("await_finished", id=id, millis=int(READABLE_AFTER_AWAIT * 1000))
    return finished_job(tx, id)


def pause(tx: Transaction, name: str, reason: str, author: str) -> None:
    """Let nothing of a queue or pattern start any more."""
    tx.run("pause", name=name, reason=reason, author=author, now=tx.now)
    roster_changed(tx)


def resume(tx: Transaction, name: str) -> bool:
    """Let a queue or pattern start jobs again; False where it was not paused."""
    if not tx.run("resume", name=name):
        return False
    roster_changed(tx)
    return True


def finished_job(tx: Transaction, id: int) -> Job | None:
    """Read one finished job."""
    row = tx.one("get_finished", id=id)
    return None if row is None else job_of(row)


def _revive(tx: Transaction, id: int, payload: str) -> Job:
    job = finished_job(tx, id)
    if job is None:
        raise missing(id)
    if job.key is not None:
        holder = tx.one("key_waiting", key=job.key) or next(iter(tx.all("key_claimed", key=job.key)), None)
        if holder is not None:
            raise not_retried(id, holder[0], job.key)
    tx.run("revive_job", id=id, payload=payload, now=tx.now)
    tx.run("delete_finished", id=id)
    revived = live_job(tx, id)
    assert revived is not None
    return revived


def is_noted(tx: Transaction, id: int) -> bool:
    """Say whether somebody's wait for a live job is noted already."""
    return tx.one("is_awaited", id=id) is not None

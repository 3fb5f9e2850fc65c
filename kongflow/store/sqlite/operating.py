"""Operating: what people do to single jobs: cancel, retry, delete, wait for."""

from __future__ import annotations

from kongflow.core.job import Job, Reason
from kongflow.errors import JobNotFound, JobStateConflict
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


def retry(tx: Transaction, id: int, payload: str) -> Job:
    """Run a finished job again from attempt 0, or a waiting one now. Raises: JobNotFound, JobStateConflict."""
    row = tx.one("live_state", id=id)
    if row is None:
        return _revive(tx, id, payload)
    state, queue = row
    if state == RUNNING:
        raise JobStateConflict(f"job {id} is running; cancel it, or wait for its end, before you retry it")
    tx.run("run_now", id=id, payload=payload, now=tx.now, scheduled=SCHEDULED, ready=READY)
    tx.touch(queue)
    job = live_job(tx, id)
    assert job is not None
    return job


def delete(tx: Transaction, id: int) -> bool:
    """Delete a job that is not running. Raises: JobStateConflict."""
    row = tx.one("live_state", id=id)
    if row is None:
        return tx.run("delete_finished", id=id) > 0
    if row[0] == RUNNING:
        raise JobStateConflict(f"job {id} is running; cancel it first, and delete it when it has ended")
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
        raise JobNotFound(f"there is no job {id}: it never existed, or its retention has passed")
    if job.key is not None:
        holder = tx.one("key_waiting", key=job.key) or next(iter(tx.all("key_claimed", key=job.key)), None)
        if holder is not None:
            raise JobStateConflict(
                f"job {id} cannot run again: job {holder[0]} holds its key {job.key!r} now; wait for that one, or "
                "cancel it first"
            )
    tx.run("revive_job", id=id, payload=payload, now=tx.now)
    tx.run("delete_finished", id=id)
    revived = live_job(tx, id)
    assert revived is not None
    return revived


def is_noted(tx: Transaction, id: int) -> bool:
    """Say whether somebody's wait for a live job is noted already."""
    return tx.one("is_awaited", id=id) is not None

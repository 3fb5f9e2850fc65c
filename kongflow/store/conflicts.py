"""Why an operation on one job cannot be: the words are the same for every dialect."""

from __future__ import annotations

from kongflow.errors import JobNotFound, JobStateConflict, KongFlowError


def not_retried(id: str | int, conflict: str, key: str | None) -> KongFlowError:
    """Return the error of a retry: `conflict` is `missing`, `running`, or the id of the job that holds its key."""
    if conflict == "missing":
        return missing(id)
    if conflict == "running":
        return JobStateConflict(f"job {id} is running; cancel it, or wait for its end, before you retry it")
    return JobStateConflict(
        f"job {id} cannot run again: job {conflict} holds its key {key!r} now; wait for that one, or cancel it first"
    )


def not_rescheduled(id: str | int, conflict: str) -> KongFlowError:
    """Return the error of a reschedule: `conflict` is `missing`, `running` or `finished`."""
    if conflict == "missing":
        return missing(id)
    if conflict == "running":
        return JobStateConflict(f"job {id} is running already; only a waiting job can be given another time")
    return JobStateConflict(f"job {id} has ended; only a waiting job can be given another time: retry it")


def not_deleted(id: str | int) -> KongFlowError:
    """Return the error of a delete of a running job."""
    return JobStateConflict(f"job {id} is running; cancel it first, and delete it when it has ended")


def missing(id: str | int) -> KongFlowError:
    """Return the error where there is no such job."""
    return JobNotFound(f"there is no job {id}: it never existed, or its retention has passed")

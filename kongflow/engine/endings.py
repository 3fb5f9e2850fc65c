"""Endings: which event tells what was written of an attempt."""

from __future__ import annotations

from kongflow.core.attempts import AttemptError
from kongflow.core.job import ClaimedJob, JobState, Reason
from kongflow.core.outcome import Crashed, Finish, Outcome, Released, RunAgain, Snooze
from kongflow.engine.events import (
    Event,
    JobCancelled,
    JobCrashed,
    JobFailed,
    JobLost,
    JobReleased,
    JobRetried,
    JobSnoozed,
    JobSucceeded,
    ref,
)
from kongflow.store.records import Settled

_QUOTES_DATA = (Reason.INVALID_PAYLOAD, Reason.INVALID_RESULT)
"""Reasons whose text quotes the payload or the result, which no log line may."""
LONGEST_ERROR = 200


def end_event(job: ClaimedJob, outcome: Outcome, settled: Settled, duration: float) -> Event:
    """Return the event for the end that the store has written, or refused to write."""
    if settled.lost:
        return JobLost(ref(job))
    match settled.transition:
        case Finish(state=JobState.SUCCEEDED):
            return JobSucceeded(ref(job), duration)
        case Finish(state=JobState.CANCELLED, reason=reason):
            return JobCancelled(ref(job), duration, str(reason))
        case Finish(reason=reason, error=error):
            return JobFailed(ref(job), duration, str(reason), error_line(error, quotes_data=reason in _QUOTES_DATA))
        case RunAgain(delay=delay, error=error):
            return _again(job, outcome, duration, delay, error)


def error_line(error: AttemptError | None, *, quotes_data: bool = False) -> str:
    """Return an error as one line of a log: its type and, where that quotes no data, the first line of its text."""
    if error is None:
        return ""
    first, _, _ = error.message.partition("\n")
    return error.type if quotes_data or not first else f"{error.type}: {first[:LONGEST_ERROR]}"


def _again(job: ClaimedJob, outcome: Outcome, duration: float, delay: float, error: AttemptError | None) -> Event:
    match outcome:
        case Released():
            return JobReleased(ref(job), duration)
        case Crashed():
            return JobCrashed(ref(job), duration, error_line(error))
        case Snooze():
            return JobSnoozed(ref(job), duration, delay)
    return JobRetried(ref(job), duration, delay, error_line(error))

"""Outcome → Transition: what happened in an attempt, and what must be written. Pure; the store carries it out."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kongflow.core.attempts import AttemptError, AttemptOutcome
from kongflow.core.job import ClaimedJob, JobState, Reason
from kongflow.core.retry import RetryPolicy

# --- what a handler may return besides JSON --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Snooze:
    """Returned by a handler: run the job again in so many seconds; the attempt does not count."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """Returned by a handler: end the job as cancelled, with the handler's reason."""

    reason: str = ""


CRASHED = "kongflow.Crashed"
"""The type of the error that is kept of a crash."""

# --- what happened ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The handler returned; `result` is the JSON text of what it returned."""

    result: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt ended with an error. `final` where no further attempt could help (gave up, invalid payload…)."""

    reason: Reason
    error: AttemptError
    error_classes: tuple[str, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The attempt was given back: the runner stops, or the job never started. It uses up nothing."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """The attempt ended without an outcome: its child process died. `crash_limit` is that of its task."""

    error: AttemptError
    crash_limit: int


Outcome = Succeeded | Failed | Snooze | Cancel | Released | Crashed

# --- what must be written --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finish:
    """The job ends. `result` is JSON text; `detail` are the handler's words for a cancel."""

    state: JobState
    reason: Reason | None = None
    detail: str | None = None
    result: str | None = None
    error: AttemptError | None = None


@dataclass(frozen=True, slots=True)
class RunAgain:
    """The job waits `delay` seconds from the store's now and runs again.

    `gives_back`: the attempt does not count (snooze, release, crash). `clears_crashes`: the attempt ended with an
    outcome, so earlier crashes no longer count against the job.
    """

    delay: float
    error: AttemptError | None = None
    gives_back: bool = False
    clears_crashes: bool = True


Transition = Finish | RunAgain


def decide(outcome: Outcome, job: ClaimedJob, policy: RetryPolicy, duration: float, rng: random.Random) -> Transition:
    """Return what an attempt's outcome means for the job. `duration` is how long the attempt ran, in seconds."""
    match outcome:
        case Succeeded(result):
            return Finish(JobState.SUCCEEDED, result=result)
        case Cancel(reason):
            return Finish(JobState.CANCELLED, Reason.HANDLER, detail=reason)
        case Snooze(seconds):
            return RunAgain(seconds, gives_back=True)
        case Released():
            return RunAgain(0.0, gives_back=True, clears_crashes=False)
        case Crashed(error, crash_limit):
            return _after_crash(error, job.crashes, crash_limit)
        case Failed():
            return _after_failure(outcome, job, policy, duration, rng)


def _after_failure(
    failed: Failed, job: ClaimedJob, policy: RetryPolicy, duration: float, rng: random.Random
) -> Transition:
    finish = Finish(JobState.FAILED, failed.reason, error=failed.error)
    if failed.final or job.attempt >= job.max_attempts:
        return finish
    if not policy.retries(failed.error_classes):
        return Finish(JobState.FAILED, Reason.GAVE_UP, error=failed.error)
    delay = policy.delay(job.attempt, rng)
    if policy.max_duration is not None and job.age + duration + delay > policy.max_duration:
        return finish
    return RunAgain(delay, error=failed.error)


def overruled(transition: Transition, *, cancel_requested: bool, superseded: bool) -> Transition:
    """Return what is written where somebody asked for a cancel, or a newer job took the key, during the attempt.

    Both win over every end but success; of the two, the request wins.
    """
    if isinstance(transition, Finish) and transition.state is JobState.SUCCEEDED:
        return transition
    if cancel_requested:
        return Finish(JobState.CANCELLED, Reason.REQUEST, error=transition.error)
    if superseded:
        return Finish(JobState.CANCELLED, Reason.SUPERSEDED, error=transition.error)
    return transition


def attempt_outcome(transition: Transition, *, crashed: bool) -> AttemptOutcome:
    """Return how an attempt ended, by what is written of its job. `crashed`: it ended without an outcome."""
    match transition:
        case Finish(state=JobState.SUCCEEDED):
            return AttemptOutcome.SUCCEEDED
        case Finish(state=JobState.CANCELLED):
            return AttemptOutcome.CANCELLED
        case _ if crashed:
            return AttemptOutcome.CRASHED
        case RunAgain(gives_back=True, clears_crashes=True):
            return AttemptOutcome.SNOOZED
        case RunAgain(gives_back=True):
            return AttemptOutcome.RELEASED
    return AttemptOutcome.FAILED


# --- the end of an attempt whose runner is gone ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """What a claim writes with the lease, so that any runner can end the attempt of a task that it does not know."""

    max_attempts: int
    crash_limit: int
    time_limit: float
    """Seconds from the claim after which a lost attempt is a timeout: 5 s + timeout + cancel_grace."""
    retry_delay: float
    """Seconds; the delay of the next retry, without jitter."""
    retries_timeouts: bool


def after_crash(attempt: int, crashes: int, ran_for: float, terms: LeaseTerms) -> Transition:
    """Return what the loss of a runner means for a job that it ran; `crashes` are the earlier ones. `ran_for`: seconds
    from the claim to the runner's last sign of life: what comes after that is not the job's doing.

    Past its time limit the attempt is a timeout, never a crash. A crash gives the attempt back; the
    `crash_limit`-th fails the job.
    """
    if ran_for > terms.time_limit:
        error = AttemptError("kongflow.TimedOut", f"the runner was lost after {ran_for:.0f} s, past its time limit")
        if attempt < terms.max_attempts and terms.retries_timeouts:
            return RunAgain(terms.retry_delay, error)
        return Finish(JobState.FAILED, Reason.TIMED_OUT, error=error)
    error = AttemptError(CRASHED, f"the runner was lost; crash {crashes + 1} of this job")
    return _after_crash(error, crashes, terms.crash_limit)


def _after_crash(error: AttemptError, crashes: int, crash_limit: int) -> Transition:
    if crashes + 1 >= crash_limit:
        return Finish(JobState.FAILED, Reason.CRASHED, error=error)
    return RunAgain(0.0, error, gives_back=True, clears_crashes=False)

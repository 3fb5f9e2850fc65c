"""From the end of an attempt to what is written."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kongflow.core.attempts import AttemptError
from kongflow.core.job import ClaimedJob, JobState, Reason
from kongflow.core.outcome import (
    Cancel,
    Crashed,
    Failed,
    Finish,
    LeaseTerms,
    Released,
    RunAgain,
    Snooze,
    Succeeded,
    Transition,
    after_crash,
    decide,
    overruled,
)
from kongflow.core.retry import Backoff, RetryPolicy, class_names
from kongflow.errors import TimedOut

NOW = datetime(2026, 11, 24, tzinfo=UTC)
POLICY = RetryPolicy(backoff=Backoff.CONSTANT, initial_delay=10.0, jitter=0.0)
ERROR = AttemptError("builtins.ValueError", "no")
JOB = ClaimedJob(
    id="17",
    lease=1,
    task="t",
    queue=None,
    priority=0,
    payload={},
    attempt=2,
    max_attempts=3,
    claims=2,
    crashes=1,
    run_at=NOW,
    created_at=NOW,
    age=100.0,
)


def failed(error: type[BaseException] = ValueError, reason: Reason = Reason.ERROR, *, final: bool = False) -> Failed:
    return Failed(reason, ERROR, class_names(error), final)


def decided(outcome: object, job: ClaimedJob = JOB, policy: RetryPolicy = POLICY, duration: float = 1.0) -> Transition:
    return decide(outcome, job, policy, duration, random.Random(0))  # type: ignore[arg-type]


def test_a_result_ends_the_job() -> None:
    assert decided(Succeeded('{"a":1}')) == Finish(JobState.SUCCEEDED, result='{"a":1}')


def test_a_cancel_by_the_handler_keeps_its_words() -> None:
    assert decided(Cancel("not needed")) == Finish(JobState.CANCELLED, Reason.HANDLER, detail="not needed")


def test_a_snooze_gives_the_attempt_back_and_clears_crashes() -> None:
    assert decided(Snooze(60.0)) == RunAgain(60.0, gives_back=True, clears_crashes=True)


def test_a_release_gives_the_attempt_back_and_is_no_outcome() -> None:
    assert decided(Released()) == RunAgain(0.0, gives_back=True, clears_crashes=False)


def test_a_failure_with_attempts_left_is_retried_after_the_policys_delay() -> None:
    assert decided(failed()) == RunAgain(10.0, ERROR, gives_back=False, clears_crashes=True)


def test_the_last_attempt_fails_the_job_with_its_reason() -> None:
    last = replace(JOB, attempt=3)
    assert decided(failed(), last) == Finish(JobState.FAILED, Reason.ERROR, error=ERROR)
    timed_out = failed(TimedOut, Reason.TIMED_OUT)
    assert decided(timed_out, last) == Finish(JobState.FAILED, Reason.TIMED_OUT, error=ERROR)
    assert isinstance(decided(timed_out), RunAgain)


@pytest.mark.parametrize("reason", [Reason.INVALID_PAYLOAD, Reason.INVALID_RESULT, Reason.GAVE_UP])
def test_a_final_failure_is_never_retried(reason: Reason) -> None:
    assert decided(failed(reason=reason, final=True)) == Finish(JobState.FAILED, reason, error=ERROR)


def test_an_error_that_the_policy_gives_up_on_fails_the_job_at_once() -> None:
    policy = replace(POLICY, give_up_on=("ValueError",))
    assert decided(failed(), policy=policy) == Finish(JobState.FAILED, Reason.GAVE_UP, error=ERROR)


def test_an_error_that_the_policy_does_not_retry_fails_the_job_at_once() -> None:
    policy = replace(POLICY, retry_on=("OSError",))
    assert decided(failed(), policy=policy) == Finish(JobState.FAILED, Reason.GAVE_UP, error=ERROR)


def test_no_retry_starts_after_max_duration() -> None:
    assert isinstance(decided(failed(), policy=replace(POLICY, max_duration=111.0)), RunAgain)
    assert decided(failed(), policy=replace(POLICY, max_duration=110.9)) == Finish(
        JobState.FAILED, Reason.ERROR, error=ERROR
    )


# --- what came between -----------------------------------------------------------------------------------------------

DONE = Finish(JobState.SUCCEEDED, result="1")
LOST = Finish(JobState.FAILED, Reason.ERROR, error=ERROR)
AGAIN = RunAgain(5.0, ERROR)
GIVEN_BACK = RunAgain(0.0, gives_back=True, clears_crashes=False)


def test_nothing_came_between() -> None:
    for transition in (DONE, LOST, AGAIN, GIVEN_BACK):
        assert overruled(transition, cancel_requested=False, superseded=False) is transition


def test_success_is_overruled_by_nothing() -> None:
    assert overruled(DONE, cancel_requested=True, superseded=True) is DONE


@pytest.mark.parametrize("transition", [LOST, AGAIN, GIVEN_BACK, Finish(JobState.CANCELLED, Reason.HANDLER, "x")])
def test_a_requested_cancel_wins_over_every_other_end(transition: Transition) -> None:
    end = Finish(JobState.CANCELLED, Reason.REQUEST, error=transition.error)
    assert overruled(transition, cancel_requested=True, superseded=False) == end
    assert overruled(transition, cancel_requested=True, superseded=True) == end


@pytest.mark.parametrize("transition", [LOST, AGAIN, GIVEN_BACK])
def test_a_newer_job_of_the_key_ends_the_older(transition: Transition) -> None:
    assert overruled(transition, cancel_requested=False, superseded=True) == Finish(
        JobState.CANCELLED, Reason.SUPERSEDED, error=transition.error
    )


# --- a lost runner ---------------------------------------------------------------------------------------------------


def test_a_crash_of_a_child_process_is_one_like_that_of_a_runner() -> None:
    assert decided(Crashed(ERROR, crash_limit=3)) == RunAgain(0.0, ERROR, gives_back=True, clears_crashes=False)
    assert decided(Crashed(ERROR, crash_limit=2)) == Finish(JobState.FAILED, Reason.CRASHED, error=ERROR)


TERMS = LeaseTerms(max_attempts=3, crash_limit=3, time_limit=60.0, retry_delay=7.0, retries_timeouts=True)


def test_a_crash_gives_the_attempt_back_and_is_remembered() -> None:
    again = after_crash(2, 0, 10.0, TERMS)
    assert isinstance(again, RunAgain)
    assert (again.delay, again.gives_back, again.clears_crashes) == (0.0, True, False)
    assert again.error is not None
    assert again.error.message == "the runner was lost; crash 1 of this job"


def test_the_last_attempt_survives_a_crash() -> None:
    assert isinstance(after_crash(3, 0, 10.0, TERMS), RunAgain)


def test_the_crash_that_reaches_the_limit_fails_the_job() -> None:
    assert isinstance(after_crash(1, 1, 10.0, TERMS), RunAgain)
    end = after_crash(1, 2, 10.0, TERMS)
    assert isinstance(end, Finish)
    assert (end.state, end.reason) == (JobState.FAILED, Reason.CRASHED)


def test_past_its_time_limit_a_lost_attempt_is_a_timeout_and_counts() -> None:
    again = after_crash(2, 2, 60.1, TERMS)
    assert isinstance(again, RunAgain)
    assert (again.delay, again.gives_back) == (7.0, False)
    assert again.error is not None
    assert again.error.type == "kongflow.TimedOut"


@pytest.mark.parametrize(("attempt", "terms"), [(3, TERMS), (1, replace(TERMS, retries_timeouts=False))])
def test_a_timeout_without_a_retry_fails_the_job(attempt: int, terms: LeaseTerms) -> None:
    end = after_crash(attempt, 0, 61.0, terms)
    assert isinstance(end, Finish)
    assert (end.state, end.reason) == (JobState.FAILED, Reason.TIMED_OUT)


def test_exactly_at_the_limit_it_is_still_a_crash() -> None:
    end = after_crash(1, 0, 60.0, TERMS)
    assert end.error is not None
    assert end.error.type == "kongflow.Crashed"

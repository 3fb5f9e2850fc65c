"""The catalog: looking things up, and what of it is published."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kongflow.core.attempts import AttemptError, AttemptOutcome, EndedAttempt
from kongflow.core.catalog import Catalog, DatabaseSettings, Retention, content_hash
from kongflow.core.job import Job, JobState
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.queue import Queue, QueueRules, RateLimit
from kongflow.core.retry import RetryPolicy
from kongflow.core.schedule import Every, Overlap, Schedule
from kongflow.core.spelling import did_you_mean, nearest
from kongflow.core.task import Task, Tombstone
from kongflow.errors import UnknownQueue, UnknownRetryPolicy, UnknownSchedule, UnknownTask
from tests.core.test_outcome import NOW

TASK = Task("startRun", "catalog.runs.start_run", None, None, RetryPolicy())
RUNS = Queue("runs:*", concurrency=None, max_active=50, rate_limit=RateLimit(10, 1.0))
SWEEP = Schedule("sweep", Every(300.0), "startRun", PayloadTemplate.parse({"id": "<< schedule.name >>"}))
CATALOG = Catalog(
    schedules={"sweep": SWEEP},
    root=Path("/project"),
    database=DatabaseSettings("sqlite://"),
    queues=QueueRules({"executions": Queue("executions"), "runs:*": RUNS}),
    retry_policies={"default": RetryPolicy(), "patient": RetryPolicy(max_attempts=100)},
    tasks={"startRun": TASK},
    tombstones={name: Tombstone(name, new) for name, new in (("reports", None), ("oldRun", "startRun"))},
)


def test_what_is_declared_is_found() -> None:
    assert CATALOG.task("startRun") is TASK
    assert CATALOG.retry_policy("patient").max_attempts == 100
    assert CATALOG.queue("runs:1").name == "runs:*"
    assert CATALOG.schedule("sweep") is SWEEP


def test_what_is_not_declared_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTask, match="no task 'startrun' is declared; did you mean 'startRun'"):
        CATALOG.task("startrun")
    with pytest.raises(UnknownRetryPolicy, match="no retry policy 'patent' is declared; did you mean 'patient'"):
        CATALOG.retry_policy("patent")
    with pytest.raises(UnknownQueue, match="matches 'execution'; did you mean 'executions'"):
        CATALOG.queue("execution")
    with pytest.raises(UnknownSchedule, match="no schedule 'sweeep' is declared; did you mean 'sweep'"):
        CATALOG.schedule("sweeep")


def test_a_name_that_resembles_nothing_gets_no_suggestion() -> None:
    assert did_you_mean("zzz", ["startRun"]) == ""
    assert did_you_mean("a", []) == ""
    assert nearest("STARTRUN", ["other", "startRun"]) == "startRun"


def test_only_what_other_runners_must_know_is_published() -> None:
    assert CATALOG.published() == {
        "queues": {
            "executions": {"concurrency": 1, "max_active": None, "rate_limit": None, "rate_per": None},
            "runs:*": {"concurrency": None, "max_active": 50, "rate_limit": 10, "rate_per": 1.0},
        },
        "schedules": {
            "sweep": {
                "timing": "every 5m",
                "task": "startRun",
                "payload": {"id": "<< schedule.name >>"},
                "overlap": "skip",
                "grace": 60.0,
                "catchup": {"policy": "none", "window": 0.0},
            }
        },
        "tasks": ["startRun"],
        "tombstones": {"oldRun": "startRun", "reports": None},
        "retention": {"succeeded": 604_800.0, "failed": 2_592_000.0, "cancelled": 604_800.0},
    }


def test_equal_meaning_has_one_hash() -> None:
    reordered = replace(CATALOG, queues=QueueRules(dict(reversed(CATALOG.queues.queues.items()))))
    assert content_hash(reordered.published()) == content_hash(CATALOG.published())
    assert content_hash({"a": 1}) == content_hash({"a": 1.0}) != content_hash({"a": 2})


@pytest.mark.parametrize(
    "changed",
    [
        replace(CATALOG, queues=QueueRules({"executions": Queue("executions", concurrency=2)})),
        replace(CATALOG, tasks={"startRun": TASK, "endRun": replace(TASK, name="endRun")}),
        replace(CATALOG, tombstones={}),
        replace(CATALOG, tombstones={**CATALOG.tombstones, "oldRun": Tombstone("oldRun", None)}),
        replace(CATALOG, retention=Retention(succeeded=60.0)),
        replace(CATALOG, schedules={}),
        replace(CATALOG, schedules={"sweep": replace(SWEEP, timing=Every(301.0))}),
        replace(CATALOG, schedules={"sweep": replace(SWEEP, payload=PayloadTemplate.parse({"id": "x"}))}),
        replace(CATALOG, schedules={"sweep": replace(SWEEP, overlap=Overlap.QUEUE)}),
    ],
)
def test_whatever_is_done_differently_to_the_jobs_of_others_is_another_hash(changed: Catalog) -> None:
    assert content_hash(changed.published()) != content_hash(CATALOG.published())


def test_three_states_are_final() -> None:
    assert [state for state in JobState if state.is_final] == ["succeeded", "failed", "cancelled"]


def test_the_error_of_a_job_is_that_of_the_last_attempt_that_has_one() -> None:
    job = Job("1", "t", None, JobState.RETRYING, 0, {}, NOW, NOW)
    assert (job.error, job.failed_attempt) == (None, None)
    attempts = (
        EndedAttempt(1, AttemptOutcome.FAILED, NOW, error=AttemptError("A", "first")),
        EndedAttempt(2, AttemptOutcome.FAILED, NOW, error=AttemptError("B", "second")),
        EndedAttempt(3, AttemptOutcome.SNOOZED, NOW),
    )
    assert replace(job, attempts=attempts).failed_attempt is attempts[1]
    assert replace(job, attempts=attempts).error is attempts[1].error


def test_an_attempt_lasts_from_its_claim_to_its_end() -> None:
    assert EndedAttempt(1, AttemptOutcome.FAILED, NOW, NOW - timedelta(seconds=1.5)).duration == 1.5
    assert EndedAttempt(1, AttemptOutcome.FAILED, NOW, NOW + timedelta(seconds=1.5)).duration == 0.0
    assert EndedAttempt(0, AttemptOutcome.FAILED, NOW).duration == 0.0

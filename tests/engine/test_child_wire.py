"""What goes between a runner and its children, as bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kongflow.core.attempts import AttemptError, AttemptOutcome, EndedAttempt, HandlerLog, LogLine
from kongflow.core.job import Job, JobOptions, JobState, NewJob, Reason
from kongflow.core.outcome import Cancel, Failed, Outcome, Snooze, Succeeded
from kongflow.core.task import JobKeyMode
from kongflow.engine.children import wire
from kongflow.engine.children.wire import Lines, Say, line_of
from kongflow.errors import InvalidPayload, LeaseLost, PayloadTooLarge
from tests.builders import make_claimed

NOW = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


def through(value: object) -> Any:
    """Return a value as the other side reads it."""
    (message,) = Lines().feed(line_of(Say.ASK, value=value))
    return message["value"]


def test_messages_are_found_however_the_bytes_are_cut() -> None:
    texts = ["", "a\nb", "ü\u2028\u0085", "\x00", "\udc80", "x" * 10_000, '{"say": 1}\n']
    stream = b"".join(line_of(Say.LOG, text=text) for text in texts)
    for size in (1, 2, 7, 1000, len(stream)):
        lines = Lines()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [message["text"] for piece in pieces for message in lines.feed(piece)] == texts


@pytest.mark.parametrize(
    "outcome",
    [
        Succeeded('{"a":[1,2]}'),
        Snooze(1.5),
        Cancel("not needed"),
        Failed(Reason.GAVE_UP, AttemptError("acme.Error", "no\nuse", "Traceback…"), ("acme.Error", "Exception"), True),
    ],
)
def test_outcomes_go_through_as_they_are(outcome: Outcome) -> None:
    assert wire.outcome(through(wire.outcome_message(outcome))) == outcome


def test_jobs_go_through_as_they_are() -> None:
    job = Job(
        "17", "mail", "q", JobState.FAILED, 3, {"n": None}, NOW, NOW, key="k", tags=("a",), flags=("b",),
        attempts=(
            EndedAttempt(0, AttemptOutcome.FAILED, NOW, error=AttemptError("E", "m", "t")),
            EndedAttempt(1, AttemptOutcome.SNOOZED, NOW, NOW, "h:1", log=HandlerLog((LogLine(NOW, "info", "x"),), 2)),
        ),
        claimed_at=NOW, result=[1], created=True,
    )  # fmt: skip
    claimed = make_claimed(run_at=NOW, queue="q", flags=("f",), tags=("t",), payload={"x": "ü"})
    new = NewJob("mail", "{}", run_at=NOW, job_key="k", job_key_mode=JobKeyMode.PRESERVE_RUN_AT, tags=("a",))

    assert wire.job(through(job)) == job
    assert wire.claimed_job(through(claimed)) == claimed
    assert wire.new_job(through(new)) == new


@pytest.mark.parametrize(
    "options",
    [JobOptions(), JobOptions(run_at=NOW, tags=(), flags=("a",), job_key="k", job_key_mode=JobKeyMode.UNSAFE_DEDUPE)],
)
def test_what_a_call_did_not_give_stays_not_given(options: JobOptions) -> None:
    assert wire.job_options(through(options)) == options


@pytest.mark.parametrize(
    "error", [LeaseLost("gone"), InvalidPayload("two problems", ("$.a: one", "$.b: two")), PayloadTooLarge("big")]
)
def test_errors_of_ours_go_through_with_class_text_and_problems(error: Exception) -> None:
    there = wire.error(through(wire.error_message(error)))

    assert type(there) is type(error)
    assert str(there) == str(error)
    assert getattr(there, "problems", None) == (tuple(error.problems) if isinstance(error, InvalidPayload) else None)


def test_any_other_error_comes_as_its_words() -> None:
    assert str(wire.error(through(wire.error_message(OSError("no route"))))) == "OSError: no route"


def test_nothing_but_plain_data_goes_through() -> None:
    with pytest.raises(TypeError, match="set does not go over the wire"):
        line_of(Say.ENDED, value={1})

"""What is kept of an exception."""

import asyncio

import pytest

from kongflow.core.job import Reason
from kongflow.engine.failure import (
    MAX_MESSAGE,
    MAX_TRACEBACK,
    attempt_error,
    failed_with,
    payload_refused,
    timed_out,
)
from kongflow.errors import GiveUp, InvalidPayload, InvalidResult, TimedOut
from tests.builders import make_task


def test_every_error_of_ours_has_its_public_name() -> None:
    for error in (InvalidResult("x"), InvalidPayload("x"), TimedOut("x")):
        assert attempt_error(error, keep).type == f"kongflow.{type(error).__name__}"


def keep(text: str) -> str:
    return text


def raised(error: BaseException) -> BaseException:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason", "final"),
    [
        (ValueError("no"), Reason.ERROR, False),
        (SystemExit(3), Reason.ERROR, False),
        (KeyboardInterrupt(), Reason.ERROR, False),
        (asyncio.CancelledError(), Reason.ERROR, False),
        (MemoryError(), Reason.ERROR, False),
        (TimedOut("mine"), Reason.ERROR, False),
        (GiveUp("no such account"), Reason.GAVE_UP, True),
        (InvalidResult("not JSON"), Reason.INVALID_RESULT, True),
    ],
)
def test_each_exception_fails_the_attempt_with_its_reason(error: BaseException, reason: Reason, final: bool) -> None:
    failed = failed_with(raised(error), keep)

    assert (failed.reason, failed.final) == (reason, final)


def test_a_class_is_known_by_the_name_that_a_policy_would_use() -> None:
    assert failed_with(raised(ValueError()), keep).error.type == "ValueError"
    assert failed_with(raised(GiveUp()), keep).error.type == "kongflow.GiveUp"
    assert failed_with(raised(Unprintable()), keep).error.type == f"{__name__}.Unprintable"


def test_binary_text_is_escaped_and_a_long_one_is_cut() -> None:
    kept = attempt_error(raised(ValueError("a\x00b\ud800" + "x" * 100_000)), keep)

    assert kept.message.startswith("a\\u0000b\\ud800xxx")
    assert len(kept.message) < MAX_MESSAGE + 100
    assert "\x00" not in kept.traceback
    assert len(kept.traceback) < MAX_TRACEBACK + 200


def test_an_exception_that_cannot_be_printed_is_still_kept() -> None:
    kept = attempt_error(raised(Unprintable()), keep)

    assert "cannot be shown" in kept.message
    assert "Unprintable" in kept.traceback


def test_a_long_traceback_keeps_its_end() -> None:
    errors: list[Exception] = []
    for level in range(60):
        errors.append(ValueError(f"level {level} " + "x" * 500))
        errors[-1].__cause__ = errors[-2] if level else None
    kept = attempt_error(errors[-1], keep)

    assert "characters left out" in kept.traceback
    assert kept.traceback.split("ValueError: ")[-1].startswith("level 59")


def test_endless_recursion_is_kept_in_bounds() -> None:
    def endless() -> None:
        endless()

    with pytest.raises(RecursionError) as caught:
        endless()

    assert len(attempt_error(caught.value, keep).traceback) < MAX_TRACEBACK


def test_secrets_are_hidden_in_message_and_traceback() -> None:
    kept = attempt_error(raised(ValueError("login with hunter22 refused")), lambda t: t.replace("hunter22", "***"))

    assert kept.message == "login with *** refused"
    assert "hunter22 refused" not in kept.traceback


def test_a_payload_that_does_not_fit_fails_at_once_without_a_traceback() -> None:
    failed = payload_refused(raised(InvalidPayload("$.id: 5 is not a text")), keep)

    assert (failed.reason, failed.final, failed.error.traceback) == (Reason.INVALID_PAYLOAD, True, "")


def test_a_timeout_is_known_to_policies_as_kongflow_timed_out() -> None:
    failed = timed_out(make_task("work", timeout=1.5))

    assert failed.reason is Reason.TIMED_OUT
    assert "kongflow.TimedOut" in failed.error_classes
    assert failed.error.message == "the attempt ran longer than its timeout of 1s500ms"

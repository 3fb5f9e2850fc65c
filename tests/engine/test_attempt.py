"""How an attempt is told to stop."""

import time

import pytest

from kongflow.engine.attempt import START_LIMIT, Attempt, Stop
from tests.builders import make_claimed, make_handler, make_task


def attempt(*, crashes: int = 0, crash_limit: int = 3) -> Attempt:
    task = make_task("work", crash_limit=crash_limit)
    return Attempt(make_claimed(crashes=crashes), task, make_handler(print), time.monotonic())


def test_a_lost_lease_outweighs_every_earlier_reason() -> None:
    one = attempt()
    one.stop(Stop.CANCEL)
    one.stop(Stop.LOST)

    assert one.stop_reason is Stop.LOST


def test_of_other_reasons_the_first_one_stays() -> None:
    one = attempt()
    one.stop(Stop.CANCEL)
    one.stop(Stop.RELEASE)

    assert one.stop_reason is Stop.CANCEL


def test_an_attempt_that_has_timed_out_is_not_given_back_later() -> None:
    one = attempt()
    one.time_out()
    one.stop(Stop.RELEASE)

    assert (one.timed_out, one.stop_reason, one.stopping) == (True, None, True)


def test_an_attempt_that_is_given_back_does_not_time_out_any_more() -> None:
    one = attempt()
    one.stop(Stop.RELEASE)
    one.time_out()

    assert not one.timed_out


def test_every_stop_interrupts_a_coroutine_but_not_while_its_transaction_completes() -> None:
    interrupts: list[str] = []
    one = attempt()
    one.start(lambda: interrupts.append("cancel"))
    one.stop(Stop.CANCEL)
    one.completing = True
    one.time_out()

    assert interrupts == ["cancel"]


@pytest.mark.parametrize(
    ("crashes", "crash_limit", "suspect"), [(0, 1, False), (0, 3, False), (1, 3, False), (2, 3, True), (3, 3, True)]
)
def test_a_suspect_has_crashed_before_and_would_fail_at_the_next_crash(
    crashes: int, crash_limit: int, suspect: bool
) -> None:
    assert attempt(crashes=crashes, crash_limit=crash_limit).is_suspect is suspect


def test_an_attempt_is_too_late_after_five_seconds_or_when_its_lease_may_be_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = attempt()
    claimed = one.claimed

    for waited, lease, too_late in ((4.9, 15.0, False), (START_LIMIT + 0.1, 15.0, True), (1.1, 1.0, True)):
        monkeypatch.setattr(time, "monotonic", lambda waited=waited: claimed + waited)
        assert one.is_too_late(lease) is too_late

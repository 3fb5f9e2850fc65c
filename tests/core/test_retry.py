"""Retry policies: delays, windows, and which errors are worth another attempt."""

from __future__ import annotations

import json
import math
import random
from importlib.metadata import PackageNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kongflow.core.retry import Backoff, RetryPolicy, class_names
from kongflow.errors import GiveUp, TimedOut

EXACT = {"jitter": 0.0, "initial_delay": 2.0, "factor": 3.0, "max_delay": 100.0}


class Refused(ConnectionError):
    pass


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff.EXPONENTIAL, [2.0, 6.0, 18.0, 54.0, 100.0, 100.0]),
        (Backoff.LINEAR, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]),
        (Backoff.CONSTANT, [2.0] * 6),
    ],
)
def test_the_delay_grows_as_the_backoff_says_up_to_the_cap(backoff: Backoff, delays: list[float]) -> None:
    policy = RetryPolicy(max_attempts=7, backoff=backoff, **EXACT)
    assert [window.expected for window in policy.windows()] == delays


def test_the_built_in_policy_is_graphile_workers() -> None:
    policy = RetryPolicy()
    assert policy.max_attempts == 25
    for attempt in range(1, 11):
        assert policy.window(attempt).expected == pytest.approx(math.e**attempt, rel=1e-4)
    assert policy.window(24).latest == 22_027.0


def test_the_cap_holds_after_the_jitter() -> None:
    policy = RetryPolicy(backoff=Backoff.CONSTANT, initial_delay=100.0, jitter=0.2, max_delay=110.0)
    window = policy.window(1)
    assert (window.earliest, window.expected, window.latest) == (80.0, 100.0, 110.0)


def test_there_is_one_window_for_every_retry() -> None:
    assert [window.attempt for window in RetryPolicy(max_attempts=3).windows()] == [1, 2]
    assert list(RetryPolicy(max_attempts=1).windows()) == []
    assert len(list(RetryPolicy().windows(max_attempts=5))) == 4


def test_a_delay_beyond_all_numbers_is_the_cap() -> None:
    policy = RetryPolicy(factor=1e10, max_delay=60.0, jitter=0.0)
    assert policy.delay(32_767, random.Random(0)) == 60.0
    assert RetryPolicy(factor=10.0, initial_delay=1e300, max_delay=60.0).window(100).earliest == 60.0


@given(
    attempt=st.integers(1, 1_000),
    backoff=st.sampled_from(Backoff),
    jitter=st.floats(0, 1),
    factor=st.floats(0.1, 10),
    seed=st.integers(),
)
def test_every_delay_lies_in_its_window(
    attempt: int, backoff: Backoff, jitter: float, factor: float, seed: int
) -> None:
    policy = RetryPolicy(backoff=backoff, jitter=jitter, factor=factor)
    window = policy.window(attempt)
    assert 0 <= window.earliest <= window.expected <= window.latest <= policy.max_delay
    assert window.earliest <= policy.delay(attempt, random.Random(seed)) <= window.latest


@pytest.mark.parametrize(
    ("retry_on", "give_up_on", "error", "retries"),
    [
        (("*",), (), ValueError, True),
        ((), (), ValueError, False),
        (("ValueError",), (), ValueError, True),
        (("builtins.ValueError",), (), UnicodeDecodeError, True),
        (("OSError",), (), Refused, True),
        ((f"{__name__}.Refused",), (), ConnectionError, False),
        ((f"{__name__}.Refused",), (), Refused, True),
        (("Refused",), (), Refused, False),
        (("*",), ("OSError",), Refused, False),
        (("OSError",), ("*",), Refused, False),
        (("*",), ("ValueError",), KeyError, True),
        (("kongflow.TimedOut",), (), TimedOut, True),
        (("*",), ("kongflow.KongFlowError",), GiveUp, False),
        (("*",), ("valueerror",), ValueError, True),
    ],
)
def test_an_error_is_retried_by_its_class_or_a_base_and_giving_up_wins(
    retry_on: tuple[str, ...], give_up_on: tuple[str, ...], error: type[BaseException], retries: bool
) -> None:
    assert RetryPolicy(retry_on=retry_on, give_up_on=give_up_on).retries(class_names(error)) is retries


def test_a_class_is_known_by_every_name_of_its_line() -> None:
    assert class_names(Refused) == (
        f"{__name__}.Refused",
        "builtins.ConnectionError",
        "ConnectionError",
        "builtins.OSError",
        "OSError",
        "builtins.Exception",
        "Exception",
        "builtins.BaseException",
        "BaseException",
    )
    assert "kongflow.TimedOut" in class_names(TimedOut)


def test_a_class_is_known_by_the_packages_that_have_it_by_its_name() -> None:
    assert class_names(json.JSONDecodeError)[:2] == ("json.decoder.JSONDecodeError", "json.JSONDecodeError")
    assert class_names(PackageNotFoundError)[:2] == (
        "importlib.metadata.PackageNotFoundError",  # importlib itself has no such name
        "builtins.ModuleNotFoundError",
    )

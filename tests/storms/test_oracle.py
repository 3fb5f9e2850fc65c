"""The oracle itself: it finds nothing in a good history, and each broken promise in a bad one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.storms.oracle import Ending, attempts_of, judge, percentile, recoveries


def entry(event: str, at: float, pid: int = 1, n: int = 1, claims: int = 1, **fields: Any) -> dict[str, Any]:
    defaults = {"job": str(n), "n": n, "claims": claims, "attempt": 1, "queue": None}
    return {"event": event, "at": at, "pid": pid, **defaults, **fields}


def ran(start: float, end: float, **fields: Any) -> list[dict[str, Any]]:
    return [entry("start", start, **fields), entry("end", end, **fields)]


def ending(n: int = 1, state: str = "succeeded", claims: int = 1, **fields: Any) -> Ending:
    defaults: dict[str, Any] = {"attempt": 1, "result": {"n": n, "claims": claims}}
    return Ending(str(n), n, state, claims=claims, **{**defaults, **fields})


def verdict(ledger: list[dict[str, Any]], *endings: Ending, added: int = 1, frozen_for: float = 2.0) -> list[str]:
    return judge(
        attempts_of(ledger, frozen_for),
        endings,
        added=range(1, added + 1),
        limits={"runs": 1, "pairs": 2},
        max_attempts=3,
    )


KILLED = [entry("start", 0.0), {"event": "kill", "pid": 1, "at": 1.0}]
FROZEN = [entry("start", 0.0), {"event": "stop", "pid": 1, "at": 1.0}]


def test_a_job_of_a_killed_process_may_run_again() -> None:
    assert verdict([*KILLED, *ran(4.0, 5.0, pid=2, claims=2)], ending(claims=2)) == []


def test_a_job_of_a_frozen_process_may_run_again_when_its_lease_is_over() -> None:
    ledger = [*FROZEN, *ran(3.5, 5.0, pid=2, claims=2), entry("end", 4.0)]
    assert verdict(ledger, ending(claims=2)) == []


def test_what_a_process_claimed_before_it_froze_may_start_when_it_wakes_up() -> None:
    ledger = [FROZEN[1], *ran(3.5, 5.0, pid=2, claims=2), entry("start", 6.0), entry("stopped", 6.1)]
    assert verdict(ledger, ending(claims=2)) == []


def test_a_job_that_was_given_back_may_run_again_at_once() -> None:
    ledger = [entry("start", 0.0), entry("stopped", 1.0), *ran(1.0, 2.0, pid=2, claims=2)]
    assert verdict(ledger, ending(claims=2)) == []


def test_a_job_that_never_started_may_have_been_claimed_more_often_than_it_started() -> None:
    assert verdict(ran(0.0, 1.0, claims=3), ending(claims=3)) == []


@pytest.mark.parametrize(
    ("ledger", "endings", "said"),
    [
        (ran(0, 1), [], "lost"),
        (ran(0, 1), [ending(), Ending("2", 1, "succeeded", 1, 1, {"claims": 1})], "there 2 times"),
        (ran(0, 1), [ending(), ending(n=7)], "never added"),
        (ran(0, 1), [ending(state="running")], "is running"),
        (ran(0, 1), [ending(state="failed")], "is failed"),
        (ran(0, 1), [ending(times=2)], "ended 2 times"),
        ([*ran(0, 2), *ran(1, 3, pid=2, claims=2)], [ending(claims=2)], "1.000 s before"),
        ([*FROZEN, *ran(2.5, 4, pid=2, claims=2)], [ending(claims=2)], "0.500 s before"),
        ([entry("start", 0), *ran(9, 10, pid=2, claims=2)], [ending(claims=2)], "before job 1"),
        ([*KILLED, *ran(4, 5, pid=2, claims=2)], [ending(claims=2, result={"claims": 1})], "claim 1 wrote the end"),
        ([entry("start", 0), entry("stopped", 1)], [ending()], "never came to it"),
        ([*KILLED, *ran(4, 5, pid=2, claims=1)], [ending()], "started after claim 1"),
        (ran(0, 1, attempt=4), [ending(attempt=4)], "attempt 4 of 3"),
        (ran(0, 1, claims=2), [ending(claims=1)], "the database knows 1"),
        (ran(0, 1, attempt=1), [ending(attempt=2)], "the database says 2"),
        (
            [*ran(0, 2, queue="runs:a"), *ran(1, 3, n=2, queue="runs:a")],
            [ending(), ending(n=2)],
            "runs:a ran 2 at once",
        ),
        (
            [*ran(0, 4, queue="pairs:a"), *ran(1, 5, n=2, queue="pairs:a"), *ran(3, 6, n=3, queue="pairs:a")],
            [ending(), ending(n=2), ending(n=3)],
            "pairs:a ran 3 at once",
        ),
        (
            [*ran(0, 1, n=2, queue="runs:a"), *ran(1, 2, queue="runs:a")],
            [ending(), ending(n=2)],
            r"out of order: \[2, 1\]",
        ),
    ],
)
def test_a_broken_promise_is_found(ledger: list[dict[str, Any]], endings: list[Ending], said: str) -> None:
    numbers = len({each["n"] for each in ledger if "n" in each})
    broken = verdict(ledger, *endings, added=numbers)
    assert [line for line in broken if re.search(said, line)], broken


def test_a_recovery_is_the_time_from_the_kill_to_the_next_start() -> None:
    ledger = [*KILLED, *ran(4.5, 5.0, pid=2, claims=2), *ran(0.2, 0.4, n=2)]
    assert recoveries(ledger, attempts_of(ledger)) == [3.5]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([float(value) for value in range(1, 201)], 0.99) == 198.0
    assert percentile([7.0], 0.99) == 7.0


def test_a_job_that_was_lost_again_before_it_could_start_had_two_recoveries() -> None:
    ledger = [*KILLED, *ran(8.0, 9.0, pid=3, claims=3)]
    assert recoveries(ledger, attempts_of(ledger)) == [3.5]

"""A queue whose better job somebody holds is left to him for some rounds; a claim is over by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from kongflow.store.postgres.access import Access
from kongflow.store.postgres.claiming import claim_jobs
from tests.store.stage import info

pytestmark = pytest.mark.anyio


class Held:
    """A way into a database in which the best job of a queue is held for so many rounds."""

    shift = timedelta()

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.passed: list[list[str]] = []

    async def rows(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        assert name == "claim"
        self.passed.append(values["passed"])
        self.rounds -= 1
        is_left = self.rounds >= 0 and not values["passed"]
        return [(None, is_left, None, None, ["mail"] if is_left else [])]


async def rounds_of(held: Held) -> list[list[str]]:
    await claim_jobs(cast("Access", held), 1, info("work"), 10, 0)
    return held.passed


async def test_it_is_passed_when_it_was_left_three_times() -> None:
    assert await rounds_of(Held(1_000)) == [[], [], [], ["mail"]]


async def test_it_is_not_passed_when_it_is_free_before() -> None:
    assert await rounds_of(Held(2)) == [[], [], []]

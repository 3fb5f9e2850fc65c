"""Ends that a claim holds up for a moment are written a moment later; the others are written at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from kongflow.core.catalog import Retention
from kongflow.errors import StoreBusy
from kongflow.store.postgres.access import Access
from kongflow.store.postgres.settling import AS_ASKED, LATER, settle
from kongflow.store.records import Settlement
from tests.store.stage import SUCCEEDED

pytestmark = pytest.mark.anyio


class Answers:
    """A way into a database that answers `settle` as the test says."""

    shift = timedelta()

    def __init__(self, *answers: list[int] | StoreBusy) -> None:
        self.answers = list(answers)
        self.asked: list[list[int]] = []

    async def rows(self, name: str, /, **values: Any) -> list[tuple[list[int]]]:
        assert name == "settle"
        self.asked.append(values["ids"])
        answer = self.answers.pop(0)
        if isinstance(answer, StoreBusy):
            raise answer
        return [(answer,)]


async def verdicts(answers: Answers) -> list[tuple[bool, bool]]:
    ends = [Settlement("1", 7, SUCCEEDED), Settlement("2", 8, SUCCEEDED)]
    settled = await settle(cast("Access", answers), ends, Retention())
    return [(each.lost, each.later) for each in settled]


async def test_what_a_claim_held_is_tried_once_more_and_alone() -> None:
    answers = Answers([AS_ASKED, LATER], [AS_ASKED])
    assert await verdicts(answers) == [(False, False), (False, False)]
    assert answers.asked == [[1, 2], [2]]


async def test_an_error_of_the_second_try_loses_nothing_of_the_first() -> None:
    answers = Answers([AS_ASKED, LATER], StoreBusy("in the way"))
    assert await verdicts(answers) == [(False, False), (False, True)]

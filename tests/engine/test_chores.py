"""Which periodic work is due: a claim spares what there is not, but not what has failed and must work again."""

from __future__ import annotations

import time

import pytest

from kongflow.engine.chores import Chores

POLL = 60.0


async def nothing() -> None: ...


@pytest.fixture
async def chores() -> Chores:
    made = Chores(POLL)
    made.add("repair", POLL, nothing)
    made.add("prune", POLL, nothing)
    return made


def names(chores: Chores) -> list[str]:
    return [work.name for work in chores.due()]


@pytest.mark.anyio
async def test_what_a_claim_has_seen_is_done_and_what_it_has_not_seen_waits(chores: Chores) -> None:
    for work in chores.due():
        work.done = work.due = time.monotonic()
    chores.seen(frozenset())
    assert names(chores) == ["prune"], "nobody looks for that"
    (repair,) = [work for work in chores._works if work.name == "repair"]
    repair.done = time.monotonic() - 2 * POLL
    chores.seen(frozenset({"repair"}))
    assert names(chores) == ["repair", "prune"]


@pytest.mark.anyio
async def test_what_has_failed_is_tried_again_although_there_is_nothing_to_do(chores: Chores) -> None:
    (repair,) = [work for work in chores.due() if work.name == "repair"]
    repair.done = repair.due = time.monotonic()
    repair.failed = True
    chores.seen(frozenset())
    assert "repair" in names(chores), "else nobody would be told that the store is back"

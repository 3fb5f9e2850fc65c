"""What the settler does with batches, outages and ends that a store cannot hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish
from kongflow.engine import settler as settler_module
from kongflow.engine.events import Event, Events, PartFailed, StoreBack, StoreLost
from kongflow.engine.outage import Outage
from kongflow.engine.settler import BATCH, Ending, Settler
from kongflow.errors import StoreUnavailable
from kongflow.store.records import Settled, Settlement

pytestmark = pytest.mark.anyio


class Shelf:
    """The one method of a store that a settler calls; `poison` cannot be held, `away` times it does not answer."""

    def __init__(self, *, away: int = 0, poison: str | None = None) -> None:
        self.away = away
        self.poison = poison
        self.batches: list[list[str]] = []
        self.ends: dict[str, Finish] = {}

    async def settle(self, runner: int, settlements: Sequence[Settlement]) -> list[Settled]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        ends = {each.id: each.transition for each in settlements if isinstance(each.transition, Finish)}
        if any(end.result == self.poison for end in ends.values() if self.poison):
            raise ValueError("cannot hold this")
        self.ends |= ends
        self.batches.append(list(ends))
        return [Settled(each.id, each.transition) for each in settlements]


class Desk:
    """A settler at work, what it told, and which ends it reported as written."""

    def __init__(self, shelf: Shelf) -> None:
        self.told: list[Event] = []
        events = Events(self.told.append)
        self.settler = Settler(shelf, 1, Outage(events), events)  # type: ignore[arg-type]
        self.written: list[str] = []

    def put(self, id: str, result: str = "null") -> None:
        end = Finish(JobState.SUCCEEDED, result=result)
        self.settler.put(Ending(Settlement(id, int(id), end), lambda settled: self.written.append(settled.id)))

    @asynccontextmanager
    async def at_work(self) -> Any:
        task = asyncio.create_task(self.settler.run())
        yield
        task.cancel()


async def test_ends_that_come_together_are_written_together() -> None:
    shelf = Shelf()
    desk = Desk(shelf)

    async with desk.at_work():
        for number in range(BATCH + 10):
            desk.put(str(number))
        await desk.settler.flush()

    assert [len(batch) for batch in shelf.batches] == [BATCH, 10]
    assert len(desk.written) == BATCH + 10
    assert desk.settler.unwritten == 0


async def test_an_outage_loses_nothing_and_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kongflow.engine.outage.FIRST_WAIT", 0.001)
    shelf = Shelf(away=4)
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        await desk.settler.flush()

    assert desk.written == ["1"]
    assert [type(event) for event in desk.told] == [StoreLost, StoreBack]


async def test_one_end_that_the_store_cannot_hold_does_not_spoil_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settler_module, "LONGEST_WAIT", 0.001)
    shelf = Shelf(poison='"odd"')
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        desk.put("2", result='"odd"')
        desk.put("3")
        await desk.settler.flush()

    assert desk.written == ["1", "2", "3"]
    assert [shelf.ends[job].state for job in "123"] == [JobState.SUCCEEDED, JobState.FAILED, JobState.SUCCEEDED]
    assert shelf.ends["2"].reason is Reason.ERROR
    assert [event.part for event in desk.told if isinstance(event, PartFailed)] == ["settler"]


async def test_a_flush_of_nothing_returns_at_once() -> None:
    await Desk(Shelf()).settler.flush()

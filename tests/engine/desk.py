"""A settler at its desk, and a shelf in place of its store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kongflow.core.job import JobState
from kongflow.core.outcome import Finish
from kongflow.engine.events import Event, Events
from kongflow.engine.lease import Lease
from kongflow.engine.outage import Outage
from kongflow.engine.settler import Ending, Settler
from kongflow.errors import StoreError, StoreRefused, StoreTimedOut, StoreUnavailable
from kongflow.store.records import Settled, Settlement


class Shelf:
    """The one method of a store that a settler calls; `poison` cannot be held, nothing of the jobs `damaged` can be
    written, each of the `odd` ones meets an error of its own, `away` times it does not answer, and results of more
    than `room` characters together do not reach it in time; `meanwhile` is what happens while something fails.
    Somebody's open transaction holds the jobs `held`.
    """

    def __init__(
        self,
        *,
        away: int = 0,
        absence: StoreError | None = None,
        poison: str | None = None,
        poisoned: Exception | None = None,
        room: int = 10**9,
    ) -> None:
        self.away = away
        self.absence = absence or StoreUnavailable("away")
        self.poison = poison
        self.poisoned = poisoned or ValueError("cannot hold this")
        self.room = room
        self.damaged: set[str] = set()
        self.odd: dict[str, StoreError] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.held: set[str] = set()
        self.tries: list[Settlement] = []
        self.failed = 0
        self.batches: list[list[str]] = []
        self.ends: dict[str, Finish] = {}

    async def settle(self, runner: int, settlements: Sequence[Settlement]) -> list[Settled]:
        self.tries += settlements
        if self.away:
            self.away -= 1
            raise self.absence
        ends = {each.id: each.transition for each in settlements if isinstance(each.transition, Finish)}
        if self.damaged & ends.keys():
            raise StoreRefused("missing chunk number 0")
        for id in self.odd.keys() & ends.keys():
            self.meanwhile()
            raise self.odd[id]
        if any(end.result == self.poison for end in ends.values() if self.poison):
            raise self.poisoned
        if sum(len(end.result or "") for end in ends.values()) > self.room:
            self.failed += 1
            self.meanwhile()
            raise StoreTimedOut("no answer")
        self.ends |= {id: end for id, end in ends.items() if id not in self.held}
        self.batches.append(list(ends))
        return [Settled(each.id, each.transition, later=each.id in self.held) for each in settlements]


class Desk:
    """A settler at work, what it told, and which ends it reported as written."""

    def __init__(self, shelf: Shelf) -> None:
        self.told: list[Event] = []
        events = Events(self.told.append)
        self.outage = Outage(events)
        self.lease = Lease(15.0)
        self.settler = Settler(shelf, 1, self.lease, self.outage, events)  # type: ignore[arg-type]
        self.written: list[str] = []

    def put(
        self, id: str, result: str = "null", next_of: str | None = None, then: Callable[[], None] = lambda: None
    ) -> None:
        """Put an end; `then` is done at once when it is written."""

        def written(settled: Settled) -> None:
            self.written.append(settled.id)
            then()

        end = Finish(JobState.SUCCEEDED, result=result)
        self.settler.put(Ending(Settlement(id, int(id), end, next_of=next_of), written))

    @asynccontextmanager
    async def at_work(self) -> Any:
        task = asyncio.create_task(self.settler.run())
        yield
        task.cancel()

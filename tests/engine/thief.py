"""A second runner that takes the jobs of one that stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kongflow.core.job import ClaimedJob
from kongflow.engine.events import JobStarted
from kongflow.errors import StoreBusy
from kongflow.store.base import LeaseKeeper, Store
from kongflow.store.records import Renewal, Rescued
from tests.engine.site import Site
from tests.engine.waiting import until


class StoppableKeeper:
    """A heartbeat's connection that can be held up, as by a lock that somebody else has on the file."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper
        self._lock = threading.Lock()
        self._held_up = False
        self.renewals = 0

    def renew(self, leases: Any) -> Renewal:
        with self._lock:
            if self._held_up:
                raise StoreBusy("held up by the test")
            self.renewals += 1
            return self._keeper.renew(leases)

    def written(self) -> int:
        """Nothing, as far as the runner sees: what goes on beside it is to be found out by the fences alone."""
        return 0

    def hold_up(self, held_up: bool) -> None:
        """Let nothing through from now on, or again; a renewal under way comes to its end before."""
        with self._lock:
            self._held_up = held_up

    def close(self) -> None:
        self._keeper.close()


class StoppableCalls:
    """Calls of a store that can be held up, so that the runner which makes them stands still."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.under_way = 0

    def around(self, call: Any) -> Any:
        """The same call, as long as calls are free; else it waits."""

        async def stoppable(*arguments: Any) -> Any:
            await self.free.wait()
            self.under_way += 1
            try:
                return await call(*arguments)
            finally:
                self.under_way -= 1

        return stoppable


class Thief:
    """Another process on the same database, whose clock is ahead of the first one's lease. From the first theft on the
    first one neither renews nor claims nor rescues, until it is let go: what goes on are its handlers.
    """

    def __init__(self, site: Site, store: Store, runner: int, keeper: StoppableKeeper, calls: StoppableCalls) -> None:
        self._site = site
        self._keeper = keeper
        self._calls = calls
        self.store = store
        self.runner = runner

    async def rescue(self) -> list[Rescued]:
        """Find the first runner dead and end its attempts."""
        await asyncio.to_thread(self._keeper.hold_up, True)
        self._calls.free.clear()
        await until(lambda: self._calls.under_way == 0)
        self.store.advance(2 * self._site.catalog.runner.lease)
        rescued = await self.store.rescue(self.runner)
        self.store.advance(5)
        return rescued + await self.store.rescue(self.runner)

    async def steal(self) -> list[ClaimedJob]:
        """Rescue, and claim what was rescued."""
        await self.rescue()
        return list((await self.store.claim(self.runner, 10, 10)).jobs)

    async def let_the_heartbeat_go_on(self, renewals: int = 1) -> None:
        """Return after so many more renewals of the first runner."""
        before = self._keeper.renewals
        self._keeper.hold_up(False)
        self._calls.free.set()
        await until(lambda: self._keeper.renewals >= before + renewals)


@asynccontextmanager
async def thief_beside(site: Site, store: Store) -> AsyncIterator[Thief]:
    """Start the site's runner, wait for its first job, and put a second runner on `store` beside it."""
    keepers: list[StoppableKeeper] = []
    calls = StoppableCalls()
    original = site.store.lease_keeper

    def lease_keeper(runner: int) -> StoppableKeeper:
        keepers.append(StoppableKeeper(original(runner)))
        return keepers[-1]

    site.store.lease_keeper = lease_keeper
    site.store.claim, site.store.rescue = calls.around(site.store.claim), calls.around(site.store.rescue)
    await site.start()
    await site.until_told(JobStarted)
    await store.open()
    try:
        yield Thief(site, store, await store.join(site.runner._info()), keepers[0], calls)
    finally:
        calls.free.set()
        await store.close()

"""A second runner that takes the jobs of one whose heartbeat has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kongflow.core.job import ClaimedJob
from kongflow.engine.events import JobStarted
from kongflow.errors import StoreBusy
from kongflow.store.base import LeaseKeeper, Store
from kongflow.store.records import Claimed, Renewal, Rescued
from tests.engine.site import Site
from tests.engine.waiting import until


class StoppableKeeper:
    """A heartbeat's connection that can be held up, as by a lock that somebody else has on the file."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper
        self.held_up = False
        self.renewals = 0

    def renew(self, leases: Any) -> Renewal:
        if self.held_up:
            raise StoreBusy("held up by the test")
        self.renewals += 1
        return self._keeper.renew(leases)

    def close(self) -> None:
        self._keeper.close()


class Thief:
    """Another process on the same database, whose clock is ahead of the first one's lease. While `goes_on` is not set,
    the first one neither renews nor claims nor rescues: it stands still, but for what its handlers do.
    """

    def __init__(self, site: Site, store: Store, runner: int, keeper: StoppableKeeper, goes_on: asyncio.Event) -> None:
        self._site = site
        self._keeper = keeper
        self._goes_on = goes_on
        self.store = store
        self.runner = runner

    async def rescue(self) -> list[Rescued]:
        """Find the first runner dead and end its attempts."""
        self._keeper.held_up = True
        self._goes_on.clear()
        self.store.advance(2 * self._site.catalog.runner.lease)
        for _ in range(20):  # a claim of the first runner that was under way may renew it between two looks
            rescued = await self.store.rescue(self.runner)
            self.store.advance(5)
            rescued += await self.store.rescue(self.runner)
            if rescued:
                return rescued
        return []

    async def steal(self) -> list[ClaimedJob]:
        """Rescue, and claim what was rescued; once more where a claim of the first runner was under way."""
        for _ in range(20):
            await self.rescue()
            stolen = list((await self.store.claim(self.runner, 10, 10)).jobs)
            if stolen:
                return stolen
        raise AssertionError("the first runner was always quicker")

    async def let_the_heartbeat_go_on(self, renewals: int = 1) -> None:
        """Return after so many more renewals of the first runner."""
        before = self._keeper.renewals
        self._keeper.held_up = False
        self._goes_on.set()
        await until(lambda: self._keeper.renewals >= before + renewals)


@asynccontextmanager
async def thief_beside(site: Site, store: Store) -> AsyncIterator[Thief]:
    """Start the site's runner, wait for its first job, and put a second runner on `store` beside it."""
    keepers: list[StoppableKeeper] = []
    goes_on = asyncio.Event()
    goes_on.set()
    original = site.store.lease_keeper, site.store.claim, site.store.rescue

    def lease_keeper(runner: int) -> StoppableKeeper:
        keepers.append(StoppableKeeper(original[0](runner)))
        return keepers[-1]

    async def claim(*arguments: Any) -> Claimed:
        await goes_on.wait()
        return await original[1](*arguments)

    async def rescue(*arguments: Any) -> list[Rescued]:
        await goes_on.wait()
        return await original[2](*arguments)

    site.store.lease_keeper, site.store.claim, site.store.rescue = lease_keeper, claim, rescue
    await site.start()
    await site.until_told(JobStarted)
    await store.open()
    try:
        yield Thief(site, store, await store.join(site.runner._info()), keepers[0], goes_on)
    finally:
        goes_on.set()
        await store.close()

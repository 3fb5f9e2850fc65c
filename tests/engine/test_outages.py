"""The database is away for a while: the runner stays, keeps results, and goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState
from kongflow.engine.events import (
    JobForgotten,
    JobReleased,
    JobStarted,
    JobSucceeded,
    LeaseExpiring,
    StoreBack,
    StoreLost,
)
from kongflow.errors import StoreUnavailable
from kongflow.store.records import Renewal
from tests.builders import QUICK
from tests.engine.site import Site, open_site
from tests.engine.waiting import until

pytestmark = pytest.mark.anyio


class Plug:
    """Pulls the store away from a runner, the heartbeat's connection too, and puts it back. `methods`: which calls it
    concerns beside the heartbeat's. `silent`: a renewal does not fail, it waits.
    """

    METHODS = ("claim", "settle", "rescue", "repair", "unrouted", "pending", "prune", "overrunning")

    def __init__(self, site: Site, methods: Sequence[str] = METHODS, *, silent: bool = False) -> None:
        self.pulled = False
        self.refused = 0
        self._silent = silent
        for name in methods:
            setattr(site.store, name, self._guarded(getattr(site.store, name)))
        keeper_of = site.store.lease_keeper

        def lease_keeper(runner: int) -> Any:
            keeper = keeper_of(runner)
            renew: Callable[[Any], Renewal] = keeper.renew

            def checked(leases: Any) -> Renewal:
                while self._silent and self.pulled:
                    time.sleep(0.001)
                self._check()
                return renew(leases)

            keeper.renew = checked
            return keeper

        site.store.lease_keeper = lease_keeper

    def _check(self) -> None:
        if self.pulled:
            self.refused += 1
            raise StoreUnavailable("the plug is pulled")

    def _guarded(self, method: Any) -> Any:
        async def call(*arguments: Any) -> Any:
            self._check()
            return await method(*arguments)

        return call


async def test_a_result_waits_for_the_store_to_come_back(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(payload: Any) -> str:
        await go_on.wait()
        return "kept"

    patient = replace(QUICK, lease=30.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=patient) as site:
        plug = Plug(site)
        first = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        go_on.set()
        await until(lambda: plug.refused >= 5)
        second = await site.enqueue("work")
        plug.pulled = False

        assert (await site.ended(first)).result == "kept"
        assert (await site.ended(second)).result == "kept"
        await until(lambda: len(site.of(StoreBack)) == 1)
        assert len(site.of(StoreLost)) == 1
        assert (await site.stop()).exit_code == 0


async def test_a_runner_that_cannot_renew_cancels_its_jobs_and_releases_them_later(tmp_path: Path) -> None:
    starts: list[str] = []

    async def work(payload: Any) -> str:
        starts.append("started")
        if len(starts) == 1:
            await asyncio.Event().wait()
        return "second"

    short = replace(QUICK, lease=0.5)
    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=short) as site:
        plug = Plug(site)
        added = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        await site.until_told(LeaseExpiring)
        await until(lambda: site.runner._shift is not None and site.runner._shift.worker.running == 0)
        assert starts == ["started"], "nothing starts while the store is away"
        plug.pulled = False
        await site.until_told(JobReleased)
        job = await site.ended(added)

    assert (job.state, job.result, job.attempt, job.crashes) == (JobState.SUCCEEDED, "second", 1, 0)


async def test_a_runner_whose_renewal_gets_no_answer_stops_its_jobs_without_it(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        await asyncio.Event().wait()

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        plug = Plug(site, silent=True)
        await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        try:
            await until(lambda: site.runner._shift is not None and site.runner._shift.worker.running == 0)
            assert len(site.of(LeaseExpiring)) == 1
        finally:
            plug.pulled = False


async def test_a_stop_during_an_outage_ends_within_the_shutdown_timeout(tmp_path: Path) -> None:
    async def work(payload: Any) -> str:
        return "kept as long as the process lives"

    brief = replace(QUICK, shutdown_timeout=1.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=brief) as site:
        plug = Plug(site)
        await site.start()
        plug.pulled = True
        await until(lambda: plug.refused >= 3)
        summary = await asyncio.wait_for(site.stop(), 2.0)

    assert summary.exit_code == 0
    assert site.of(JobSucceeded) == []


async def test_jobs_of_a_claim_whose_answer_was_lost_are_given_back_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(payload: Any) -> str:
        return "at last"

    async with open_site(tmp_path, {"work": {"run": work, "queue": "mail"}}, queues={"mail": 1}) as site:
        claim, lost = site.store.claim, list[str]()

        async def loses_its_answer(runner: int, limit: int, suspects: int) -> Any:
            claimed = await claim(runner, limit, suspects)
            if claimed.jobs and not lost:
                lost.extend(job.id for job in claimed.jobs)
                raise StoreUnavailable("the connection was lost")
            return claimed

        monkeypatch.setattr(site.store, "claim", loses_its_answer)
        first, second = [await site.enqueue("work") for _ in range(2)]
        await site.start()
        ended = [await site.ended(first), await site.ended(second)]

    assert lost == [first]
    assert [(job.state, job.attempt) for job in ended] == [(JobState.SUCCEEDED, 1)] * 2
    assert ended[0].claims == 2
    assert [event.job for event in site.of(JobForgotten)] == [first]

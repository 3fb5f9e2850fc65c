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
from kongflow.engine.shift import Shift
from kongflow.errors import StoreBusy, StoreUnavailable
from kongflow.store.records import Renewal, RunnerInfo, Settlement
from tests.builders import QUICK, SHORT_LEASE
from tests.engine.site import Site, open_site
from tests.engine.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


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

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
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

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=SHORT_LEASE) as site:
        plug = Plug(site)
        added = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        await site.until_told(LeaseExpiring)
        await until(lambda: shift_of(site).worker.running == 0)
        assert starts == ["started"], "nothing starts while the store is away"
        plug.pulled = False
        await site.until_told(JobReleased)
        job = await site.ended(added)

    assert (job.state, job.result, job.attempt, job.crashes) == (JobState.SUCCEEDED, "second", 1, 0)


async def test_a_runner_whose_renewal_gets_no_answer_stops_its_jobs_without_it(tmp_path: Path) -> None:
    async def work(payload: Any) -> None:
        await asyncio.Event().wait()

    async with open_site(tmp_path, {"work": {"run": work}}, runner=SHORT_LEASE) as site:
        plug = Plug(site, silent=True)
        await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        try:
            await until(lambda: shift_of(site).worker.running == 0)
            assert len(site.of(LeaseExpiring)) == 1
        finally:
            plug.pulled = False


def shift_of(site: Site) -> Shift:
    shift = site.runner._shift
    assert shift is not None
    return shift


class Calls:
    """What a runner asked its store for: how often it claimed, and for the next jobs of which queues."""

    def __init__(self, site: Site) -> None:
        self.claims = 0
        self.next_of: list[str | None] = []
        claim, settle = site.store.claim, site.store.settle

        async def counted(*arguments: Any) -> Any:
            self.claims += 1
            return await claim(*arguments)

        async def noted(runner: int, settlements: Sequence[Settlement]) -> Any:
            self.next_of += [settlement.next_of for settlement in settlements]
            return await settle(runner, settlements)

        site.store.claim, site.store.settle = counted, noted


async def test_a_runner_whose_heartbeat_alone_is_cut_off_claims_nothing_until_it_renews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kongflow.engine.outage.LONGEST_WAIT", 0.05)
    starts: list[str] = []

    async def work(payload: Any) -> str:
        starts.append("started")
        if len(starts) == 1:
            await asyncio.Event().wait()
        return "second"

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=SHORT_LEASE) as site:
        plug, calls = Plug(site, methods=()), Calls(site)
        added = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        await site.until_told(JobReleased)
        claims, refused = calls.claims, plug.refused
        await until(lambda: plug.refused > refused + 5)
        assert (calls.claims, starts) == (claims, ["started"])
        assert (await site.job(added)).state is JobState.READY, "others may have it"
        plug.pulled = False
        job = await site.ended(added)

    assert (job.state, job.result, job.claims, job.crashes) == (JobState.SUCCEEDED, "second", 2, 0)


async def test_no_next_job_is_asked_for_while_the_lease_is_over(tmp_path: Path) -> None:
    async def work(payload: Any) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return "in spite of its cancel"

    async with open_site(
        tmp_path, {"work": {"run": work, "queue": "mail"}}, queues={"mail": 1}, runner=SHORT_LEASE
    ) as site:
        plug, calls = Plug(site, methods=()), Calls(site)
        first, second = [await site.enqueue("work") for _ in range(2)]
        await site.start()
        await site.until_told(JobStarted)
        plug.pulled = True
        ended = await site.ended(first)
        waiting = await site.job(second)

    assert (ended.state, ended.result) == (JobState.SUCCEEDED, "in spite of its cancel")
    assert calls.next_of == [None]
    assert (waiting.state, waiting.claims) == (JobState.READY, 0)


@pytest.mark.parametrize("method", ["claim", "settle"])
async def test_what_is_leased_before_the_lease_is_over_and_comes_after_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """By a claim, and by the end of the job before it."""

    async def work(payload: Any) -> None: ...

    async with open_site(
        tmp_path, {"work": {"run": work, "queue": "mail"}}, queues={"mail": 1}, runner=SHORT_LEASE
    ) as site:
        plug, call, answered = Plug(site, methods=()), getattr(site.store, method), asyncio.Event()

        async def is_slow_to_answer(*arguments: Any) -> Any:
            answer = await call(*arguments)
            leased = answer.jobs if method == "claim" else [each.next for each in answer if each.next is not None]
            if leased and not plug.pulled:
                plug.pulled = True
                await until(lambda: not shift_of(site)._lease.holds)
                answered.set()
            return answer

        monkeypatch.setattr(site.store, method, is_slow_to_answer)
        first, second = [await site.enqueue("work") for _ in range(2)]
        late, starts = (first, 0) if method == "claim" else (second, 1)
        await site.start()
        await answered.wait()
        await until(lambda: shift_of(site).worker.leases() == [])
        job = await site.job(late)

    assert len(site.of(JobStarted)) == starts
    assert (job.state, job.attempt, job.claims, job.crashes) == (JobState.READY, 0, 1, 0)


async def test_a_stop_during_an_outage_ends_within_the_shutdown_timeout(tmp_path: Path) -> None:
    async def work(payload: Any) -> str:
        return "kept as long as the process lives"

    brief = replace(QUICK, shutdown_timeout=1.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=brief) as site:
        plug = Plug(site)
        await site.start()
        plug.pulled = True
        await until(lambda: plug.refused >= 3)
        summary = await asyncio.wait_for(site.stop(), PATIENCE)

    assert summary.exit_code == 0
    assert site.of(JobSucceeded) == []


class Busy:
    """Lets nobody join until it is told to."""

    def __init__(self, site: Site) -> None:
        self.is_busy = True
        self.refused = 0
        self._join = site.store.join
        site.store.join = self.join

    async def join(self, info: RunnerInfo) -> int:
        if self.is_busy:
            self.refused += 1
            raise StoreBusy("others do not let go of the roster")
        joined: int = await self._join(info)
        return joined


async def test_a_runner_that_finds_the_store_busy_at_its_start_waits_until_it_is_let_in(tmp_path: Path) -> None:
    async def work(payload: Any) -> str:
        return "at last"

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        busy = Busy(site)
        added = await site.enqueue("work")
        starting = asyncio.create_task(site.start())
        await until(lambda: busy.refused >= 2)
        assert not starting.done()
        assert [event.part for event in site.of(StoreLost)] == ["join"]
        busy.is_busy = False
        await starting
        assert (await site.ended(added)).result == "at last"
        assert len(site.of(StoreBack)) == 1


async def test_a_runner_that_waits_to_be_let_in_can_be_stopped(tmp_path: Path) -> None:
    async with open_site(tmp_path, {}) as site:
        busy = Busy(site)
        site.running = asyncio.create_task(site.runner.run())
        await until(lambda: busy.refused >= 2)
        summary = await site.stop()
        assert summary.exit_code == 0
        assert await site.store.runners() == []


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

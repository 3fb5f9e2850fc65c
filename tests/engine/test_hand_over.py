"""A serial queue goes from one job to the next without a claim, and a handed-over job is as safe as a claimed one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState
from kongflow.engine.events import JobForgotten, JobStarted, RunnerStopping
from kongflow.engine.worker import CHAIN_MAX, Worker
from kongflow.errors import StoreUnavailable
from kongflow.store.records import Claimed, Renewal, Settled
from tests.builders import QUICK
from tests.engine.site import Site, open_site
from tests.engine.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]

SERIAL = {"mail": 1}


async def nothing(payload: Any) -> None: ...


def count_claimed(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the jobs that claims bring from now on."""
    claim, claimed_ids = site.store.claim, list[str]()

    async def noted(*arguments: Any) -> Claimed:
        claimed: Claimed = await claim(*arguments)
        claimed_ids.extend(job.id for job in claimed.jobs)
        return claimed

    monkeypatch.setattr(site.store, "claim", noted)
    return claimed_ids


async def test_after_some_jobs_in_a_row_a_claim_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_site(tmp_path, {"work": {"run": nothing, "queue": "mail"}}, queues=SERIAL) as site:
        claimed = count_claimed(site, monkeypatch)
        ids = [await site.enqueue("work") for _ in range(2 * CHAIN_MAX + 5)]
        summary = await site.run_all()
        started = [event.job.job for event in site.of(JobStarted)]
        ends = [await site.job(id) for id in ids]

    assert summary.succeeded == len(ids)
    assert started == ids
    # A repair that comes between a promotion and its claim makes one claim more.
    assert len(claimed) <= len(ids) // 4
    places = [*map(ids.index, claimed), len(ids)]
    assert max(after - before for before, after in pairwise(places)) <= CHAIN_MAX + 1
    assert {(job.state, job.attempt, job.claims) for job in ends} == {(JobState.SUCCEEDED, 1, 1)}


async def test_other_jobs_are_claimed_meanwhile(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def waits(payload: Any) -> None:
        await go_on.wait()

    async def ends(payload: Any) -> None:
        go_on.set()

    tasks = {"slow": {"run": waits, "queue": "mail"}, "quick": {"run": ends}}
    async with open_site(tmp_path, tasks, queues=SERIAL, runner=replace(QUICK, concurrency=2)) as site:
        ids = [await site.enqueue(task) for task in ("slow", "slow", "slow", "quick")]
        assert (await site.run_all()).succeeded == len(ids)


async def test_a_claim_does_not_wait_until_a_chain_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three queues go from job to job, and the database is slow: some end of theirs is always on its way."""
    lines = ("a", "b", "c")
    ended: list[int] = []
    urgent_after: list[int] = []

    async def quick(payload: Any) -> None:
        await asyncio.sleep(payload["seconds"])
        ended.append(1)

    async def urgent(payload: Any) -> None:
        urgent_after.append(len(ended))

    tasks = {"line": {"run": quick, "queue": "line:<< payload.id >>"}, "urgent": {"run": urgent}}
    async with open_site(tmp_path, tasks, queues={"line:*": 1}, runner=replace(QUICK, concurrency=20)) as site:
        settle, rounds = site.store.settle, [0]

        async def slow(*arguments: Any) -> list[Settled]:
            rounds[0] += 1
            if rounds[0] == 3:
                await site.enqueue("urgent")
                urgent_after.append(len(ended))
            await asyncio.sleep(0.02)  # meanwhile the others end
            settled: list[Settled] = await settle(*arguments)
            return settled

        monkeypatch.setattr(site.store, "settle", slow)
        for number in range(2 * CHAIN_MAX):
            for place, id in enumerate(lines):
                await site.enqueue("line", {"id": id, "seconds": 0.01 if number else 0.012 * place})
        await site.run_all()

    added, started = urgent_after
    assert started - added <= CHAIN_MAX, "a third of what the chains would have done before"


class Lines:
    """Two serial queues, `a` and `b`, of two jobs each. Their first jobs have ended: the end of `a` is written and has
    brought its next job along, the end of `b` is on its way to the store until `arrive`.
    """

    def __init__(self, site: Site, may_end: dict[str, asyncio.Event], monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.may_end = may_end
        self.claims = 0
        self._others = 0
        self._settles: list[asyncio.Event] = []
        settle, claim = site.store.settle, site.store.claim

        async def hears_nothing(wake: Any) -> None: ...

        async def counted(*arguments: Any) -> Any:
            self.claims += 1
            return await claim(*arguments)

        async def waits(*arguments: Any) -> Any:
            self._settles.append(asyncio.Event())
            await self._settles[-1].wait()
            return await settle(*arguments)

        monkeypatch.setattr(site.store, "claim", counted)
        monkeypatch.setattr(site.store, "settle", waits)
        monkeypatch.setattr(site.store, "listen", hears_nothing)

    async def go_on(self, others: int = 0) -> None:
        """Bring it about. Before the end of `a` is written, so many other jobs are added."""
        for name in ("a1", "b1", "a2", "b2"):
            await self.site.enqueue("line", {"queue": name[0], "name": name})
        await self.site.start()
        await until(lambda: (self.started("line"), self.started("other")) == (2, self._others))
        await self.let_it_think()
        self.claims = 0
        self.may_end["a1"].set()
        await until(lambda: len(self._settles) == 1)
        self.may_end["b1"].set()
        await until(lambda: self.worker.running == self._others)
        for _ in range(others):
            await self.add_other()
        self._settles[0].set()
        await until(lambda: len(self._settles) == 2)
        await self.let_it_think()

    async def add_other(self) -> None:
        """Add a job that is not of a line; this wakes the runner up, once."""
        self._others += 1
        await self.site.enqueue("other", {"name": "other"}, priority=9)

    async def let_it_think(self) -> None:
        """Return when the worker has claimed, if it wants to."""
        for _ in range(100):
            await asyncio.sleep(0)
        await until(lambda: not self.worker.is_claiming)

    def arrive(self) -> None:
        """Let the end of `b` be written, and bring its next job along."""
        self._settles[1].set()

    @property
    def worker(self) -> Worker:
        shift = self.site.runner._shift
        assert shift is not None
        return shift.worker

    def started(self, task: str) -> int:
        return sum(event.job.task == task for event in self.site.of(JobStarted))


@asynccontextmanager
async def two_lines(folder: Path, concurrency: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lines]:
    """A runner that looks only where it has a reason to, and not because time has passed."""
    may_end: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def ends_when_it_may(payload: Any) -> None:
        await may_end[payload["name"]].wait()

    tasks = {
        "line": {"run": ends_when_it_may, "queue": "line:<< payload.queue >>"},
        "other": {"run": ends_when_it_may},
    }
    runner = replace(QUICK, concurrency=concurrency, poll_interval=3600.0)
    async with open_site(folder, tasks, queues={"line:*": 1}, runner=runner) as site:
        yield Lines(site, may_end, monkeypatch)


async def test_a_slot_that_an_end_on_its_way_may_need_is_not_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_lines(tmp_path, 3, monkeypatch) as lines:
        await lines.add_other()  # takes the third slot
        await lines.go_on(others=1)
        lines.arrive()
        await until(lambda: lines.started("line") == 4)
        await lines.let_it_think()
        assert (lines.worker.running, lines.started("other"), lines.claims) == (3, 1, 0)


async def test_a_slot_that_an_end_on_its_way_may_need_is_no_reason_to_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_lines(tmp_path, 3, monkeypatch) as lines:
        await lines.go_on()
        lines.arrive()
        await until(lambda: lines.started("line") == 4)
        await lines.let_it_think()
        assert lines.claims == 0


async def test_a_wake_up_after_a_hand_over_is_heard_where_a_claim_came_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_lines(tmp_path, 4, monkeypatch) as lines:
        await lines.go_on(others=1)
        assert lines.claims > 0
        lines.arrive()
        await until(lambda: lines.started("line") == 4)
        await lines.add_other()
        await until(lambda: lines.started("other") == 2)


async def test_a_job_that_comes_when_the_runner_stops_goes_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path, {"work": {"run": nothing, "queue": "mail"}}, queues=SERIAL) as site:
        settle = site.store.settle

        async def stops_meanwhile(*arguments: Any) -> list[Settled]:
            settled: list[Settled] = await settle(*arguments)
            if settled[0].next is not None:
                site.runner.request_stop("the test says so")
                await site.until_told(RunnerStopping)  # and it waits for this answer
            return settled

        monkeypatch.setattr(site.store, "settle", stops_meanwhile)
        first, second = [await site.enqueue("work") for _ in range(2)]
        summary = await asyncio.wait_for(site.runner.run(), PATIENCE)
        ended, kept = await site.job(first), await site.job(second)

    assert (summary.exit_code, summary.succeeded) == (0, 1)
    assert ended.state is JobState.SUCCEEDED
    assert (kept.state, kept.attempt, kept.claims, kept.crashes) == (JobState.READY, 0, 1, 0)
    assert len(site.of(JobStarted)) == 1


async def test_a_job_whose_settle_was_heard_by_nobody_is_given_back_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path, {"work": {"run": nothing, "queue": "mail"}}, queues=SERIAL) as site:
        settle, lost = site.store.settle, list[str]()

        async def loses_its_answer(*arguments: Any) -> list[Settled]:
            settled: list[Settled] = await settle(*arguments)
            if settled[0].next is not None and not lost:
                lost.append(settled[0].next.id)
                raise StoreUnavailable("the connection was lost")
            return settled

        monkeypatch.setattr(site.store, "settle", loses_its_answer)
        ids = [await site.enqueue("work") for _ in range(3)]
        await site.start()
        ends = [await site.ended(id) for id in ids]

    assert lost == [ids[1]]
    assert [event.job for event in site.of(JobForgotten)] == lost
    assert [(job.state, job.attempt, job.claims, job.crashes) for job in ends] == [
        (JobState.SUCCEEDED, 1, 1, 0),
        (JobState.SUCCEEDED, 1, 2, 0),
        (JobState.SUCCEEDED, 1, 1, 0),
    ]


async def test_a_job_whose_answer_is_on_its_way_is_not_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path, {"work": {"run": nothing, "queue": "mail"}}, queues=SERIAL) as site:
        settle, renewed, heard = site.store.settle, Worker.renewed, list[Renewal]()

        def noted(worker: Worker, renewal: Renewal) -> None:
            heard.append(renewal)
            renewed(worker, renewal)

        async def is_slow_to_answer(*arguments: Any) -> list[Settled]:
            settled: list[Settled] = await settle(*arguments)
            if settled[0].next is not None:
                await until(lambda: sum(bool(renewal.unknown) for renewal in heard) >= 3)
            return settled

        monkeypatch.setattr(Worker, "renewed", noted)
        monkeypatch.setattr(site.store, "settle", is_slow_to_answer)
        ids = [await site.enqueue("work") for _ in range(2)]
        await site.start()
        ends = [await site.ended(id) for id in ids]

    assert site.of(JobForgotten) == []
    assert [(job.state, job.claims) for job in ends] == [(JobState.SUCCEEDED, 1)] * 2

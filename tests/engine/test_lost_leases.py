"""A runner whose jobs were given to another: it stops them and writes nothing of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import JobState
from kongflow.core.outcome import Finish
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.events import JobFailed, JobLost, JobReleased, JobSucceeded
from kongflow.errors import LeaseLost
from kongflow.store.open import open_store
from kongflow.store.records import Settlement
from tests.engine.site import Site, open_site
from tests.engine.thief import thief_beside
from tests.engine.waiting import PATIENCE, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def second_store(site: Site) -> Any:
    return open_store(site.catalog.database, site.catalog.runner.poll_interval)


async def test_a_zombie_cannot_settle_what_was_given_away(tmp_path: Path, gate: threading.Event) -> None:
    def work(payload: Any) -> str:
        gate.wait(PATIENCE)
        return "the zombie's"

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        added = await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            (stolen,) = await thief.steal()
            gate.set()
            await site.until_told(JobLost)
            end = Finish(JobState.SUCCEEDED, result='"the thief\'s"')
            (settled,) = await thief.store.settle(thief.runner, [Settlement(stolen.id, stolen.lease, end)])
            job = await site.job(added)

    assert not settled.lost
    assert (job.state, job.result, job.attempt, job.claims) == (JobState.SUCCEEDED, "the thief's", 1, 2)
    assert len(site.of(JobLost)) == 1
    assert site.of(JobSucceeded) == []


async def test_a_coroutine_is_cancelled_as_soon_as_a_heartbeat_learns_of_the_loss(tmp_path: Path) -> None:
    ends: list[str] = []

    async def work(payload: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        added = await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            await thief.steal()
            await thief.let_the_heartbeat_go_on()
            await site.until_told(JobLost)
            await until(lambda: ends == ["cancelled"])
            await site.stop()
            job = await site.job(added)

    assert job.state is JobState.RUNNING, "the thief's attempt is untouched"
    assert (site.of(JobReleased), site.of(JobFailed), len(site.of(JobLost))) == ([], [], 1)


async def test_a_loss_is_told_once_however_long_a_thread_goes_on(tmp_path: Path, gate: threading.Event) -> None:
    def work(payload: Any) -> str:
        gate.wait(PATIENCE)
        return "late"

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            await thief.steal()
            await thief.let_the_heartbeat_go_on(renewals=4)
            gate.set()
            await site.stop()

    assert len(site.of(JobLost)) == 1


async def test_progress_of_a_lost_job_is_refused(tmp_path: Path) -> None:
    stolen = asyncio.Event()
    refused: list[str] = []

    async def work(payload: Any, job: JobContext) -> None:
        await stolen.wait()
        try:
            await job.progress(1)
        except LeaseLost as error:
            refused.append(str(error))
            raise

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            await thief.steal()
            stolen.set()
            await site.until_told(JobLost)

    assert "was given to another runner" in refused[0]


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_the_transaction_of_a_lost_job_writes_nothing(
    tmp_path: Path, gate: threading.Event, in_thread: bool
) -> None:
    stolen = asyncio.Event()
    write = "insert into effects values ('zombie')"

    async def coroutine(payload: Any, job: JobContext) -> None:
        await stolen.wait()
        async with job.transaction() as tx:
            await tx.execute(write)
            await tx.enqueue("child")

    def thread(payload: Any, job: SyncJobContext) -> None:
        gate.wait(PATIENCE)
        with job.transaction() as tx:
            tx.execute(write)
            tx.enqueue("child")

    async def nothing(payload: Any) -> None: ...

    tasks = {"work": {"run": thread if in_thread else coroutine}, "child": {"run": nothing}}
    async with open_site(tmp_path, tasks) as site:
        async with site.store.transaction() as connection:
            await connection.execute(text("create table effects (name text)"))
        await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            await thief.steal()
            gate.set()
            stolen.set()
            await site.until_told(JobLost)
            async with site.store.transaction() as connection:
                assert (await connection.execute(text("select * from effects"))).all() == []
            assert [job.task for job in await site.jobs()] == ["work"]


async def test_a_crash_uses_up_no_attempt(tmp_path: Path, gate: threading.Event) -> None:
    def work(payload: Any) -> None:
        gate.wait(PATIENCE)

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}) as site:
        added = await site.enqueue("work")
        async with thief_beside(site, second_store(site)) as thief:
            (rescued,) = await thief.rescue()
            job = await site.job(added)

    assert rescued.id == added
    assert (job.state, job.attempt, job.crashes, job.claims) == (JobState.READY, 0, 1, 1)

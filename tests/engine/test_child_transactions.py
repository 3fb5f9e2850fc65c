"""`isolation: process`: the job's own transaction, and `connection=`, on connections that the child has opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish
from kongflow.engine.events import JobFailedAfterCommit, JobLost, JobResultIgnored, JobSucceeded
from kongflow.store.open import open_store
from kongflow.store.records import Settlement
from tests.engine import child_handlers
from tests.engine.children import in_child, noted
from tests.engine.database import url_of
from tests.engine.site import Site, open_site
from tests.engine.thief import thief_beside

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def open_with_effects(folder: Path, run: Any, **fields: Any) -> AsyncIterator[Site]:
    tasks = {"work": in_child(run, **fields), "echo": in_child(child_handlers.echo)}
    async with open_site(folder, tasks) as site:
        async with site.store.transaction() as connection:
            await connection.execute(text("create table effects (name text)"))
        yield site


async def effects(site: Site) -> list[str]:
    async with site.store.transaction() as connection:
        return [row[0] for row in await connection.execute(text("select name from effects order by name"))]


async def added_by(site: Site) -> list[Any]:
    return sorted(job.payload["by"] for job in await site.jobs() if job.task == "echo")


async def test_writes_jobs_and_the_end_are_committed_together(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits) as site:
        added = await site.enqueue("work", {"result": {"charged": True}})
        summary = await site.run_all()
        job = await site.job(added)
        assert len(await effects(site)) == 2
        assert await added_by(site) == ["job", "tx"]

    assert (job.state, job.result, summary.succeeded) == (JobState.SUCCEEDED, {"charged": True}, 3)
    assert len(site.of(JobSucceeded)) == 3
    assert len(site.of(JobResultIgnored)) == 1


async def test_a_waiting_job_is_dequeued_by_its_key(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.dequeues) as site:
        later = await site.enqueue("echo", job_key="k", run_at=timedelta(hours=1))
        added = [await site.enqueue("work", {"key": key}) for key in ("k", "none")]
        await site.run_all()
        results = [(await site.job(id)).result for id in added]
        assert (await site.job(later)).state is JobState.CANCELLED

    assert results == [{"dequeued": later}, None]


async def test_an_exception_inside_rolls_everything_back_and_fails_the_attempt(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits) as site:
        added = await site.enqueue("work", {"raise": "changed my mind"})
        await site.run_all()
        job = await site.job(added)
        assert (await effects(site), await added_by(site)) == ([], [])

    assert (job.state, job.reason, job.error.message) == (JobState.FAILED, Reason.ERROR, "changed my mind")


async def test_a_result_against_its_schema_is_refused_before_the_commit(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits, result={"type": "object"}) as site:
        added = await site.enqueue("work", {"result": 5})
        await site.run_all()
        job = await site.job(added)
        assert await effects(site) == []

    assert (job.state, job.reason) == (JobState.FAILED, Reason.INVALID_RESULT)


async def test_a_crash_after_the_commit_is_told_and_the_job_stays_succeeded(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits) as site:
        added = await site.enqueue("work", {"after": True})
        summary = await site.run_all()
        job = await site.job(added)
        assert len(await effects(site)) == 2

    assert (job.state, job.crashes, summary.exit_code) == (JobState.SUCCEEDED, 0, 0)
    assert "exit code 9" in site.of(JobFailedAfterCommit)[0].error


async def test_a_child_that_is_killed_inside_leaves_nothing(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits, timeout=0.5, cancel_grace=0.0) as site:
        added = await site.enqueue("work", {"note": str(tmp_path / "note"), "wait": str(tmp_path / "never")})
        await site.run_all()
        job = await site.job(added)
        assert (await effects(site), await added_by(site)) == ([], [])

    assert (job.state, job.reason) == (JobState.FAILED, Reason.TIMED_OUT)


async def test_a_zombies_transaction_is_refused_whole(tmp_path: Path, dialect: str) -> None:
    async with open_with_effects(tmp_path, child_handlers.waits_then_commits, cancel_grace=30.0) as site:
        added = await site.enqueue("work", {"note": str(tmp_path / "note"), "go": str(tmp_path / "go")})
        async with thief_beside(site, open_store(site.catalog.database, 0.05)) as thief:
            await noted(tmp_path / "note")
            (stolen,) = await thief.steal()
            (tmp_path / "go").touch()
            await noted(tmp_path / "refused")
            assert (await effects(site), await added_by(site)) == ([], [])
            end = Finish(JobState.SUCCEEDED, result='"the thief\'s"')
            (settled,) = await thief.store.settle(thief.runner, [Settlement(stolen.id, stolen.lease, end)])
            await thief.let_the_heartbeat_go_on()
            await site.until_told(JobLost)
            job = await site.job(added)

    assert not settled.lost
    assert (job.state, job.result) == (JobState.SUCCEEDED, "the thief's")
    assert (tmp_path / "refused").read_text().startswith("LeaseLost")


async def test_a_connection_of_the_handlers_own_carries_the_jobs_that_it_adds(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits_with_its_own_connection) as site:
        url = url_of(tmp_path).replace("postgresql://", "postgresql+psycopg://")
        added = await site.enqueue("work", {"url": url})
        await site.run_all()
        assert await added_by(site) == ["connection"]
        assert (await site.job(added)).state is JobState.SUCCEEDED


async def test_a_connection_elsewhere_is_refused(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits_with_its_own_connection) as site:
        added = await site.enqueue("work", {"url": f"sqlite:///{tmp_path}/elsewhere.db"})
        await site.run_all()
        job = await site.job(added)

    assert (job.state, job.error.type) == (JobState.FAILED, "kongflow.WrongDatabase")


async def test_children_side_by_side_each_have_their_own(tmp_path: Path) -> None:
    async with open_with_effects(tmp_path, child_handlers.commits) as site:
        await asyncio.gather(*(site.enqueue("work", {}) for _ in range(12)))
        summary = await site.run_all()
        assert len(await effects(site)) == 24

    assert (summary.succeeded, summary.failed) == (36, 0)

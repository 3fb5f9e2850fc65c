"""The job's own transaction: its writes, the jobs it adds and its end, all or none."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from kongflow.core.job import JobState, Reason
from kongflow.engine.attempt import Stop
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.events import JobFailedAfterCommit, JobResultIgnored, JobSucceeded
from kongflow.errors import InvalidOption, JobStateConflict, StoreBusy
from tests.engine.effects import WRITE, children, effects, nothing, open_with_effects

pytestmark = pytest.mark.anyio


async def test_writes_jobs_and_the_end_are_committed_together(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> str:
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "executed"})
            await tx.connection.execute(text(WRITE), {"name": "by the connection"})
            await tx.run_sync(lambda connection: connection.execute(text(WRITE), {"name": "in sync"}))
            async with AsyncSession(tx.connection) as session:
                await session.execute(text(WRITE), {"name": "orm"})
                await session.commit()
            await tx.enqueue("child", {"by": "tx"})
            await job.enqueue("child", {"by": "job"})
            await job.enqueue("child", {"by": "connection"}, connection=tx)
            tx.result({"charged": True})
        return "is not the result"

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        summary = await site.run_all()
        job = await site.job(added)
        assert await effects(site) == ["by the connection", "executed", "in sync", "orm"]
        assert await children(site) == 3

    assert (job.state, job.result) == (JobState.SUCCEEDED, {"charged": True})
    assert (summary.succeeded, len(site.of(JobSucceeded))) == (4, 4)


async def test_a_thread_has_the_same_in_plain_calls(tmp_path: Path) -> None:
    def work(payload: Any, job: SyncJobContext) -> None:
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "executed"})
            with Session(tx.connection) as session:
                session.execute(text(WRITE), {"name": "orm"})
                session.commit()
            tx.enqueue("child", {})
            job.enqueue("child", {})
            job.enqueue("child", {}, connection=tx)

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        assert await effects(site) == ["executed", "orm"]
        assert await children(site) == 3

    assert (job.state, job.result) == (JobState.SUCCEEDED, None)


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_a_waiting_job_is_dequeued_with_the_commit_and_not_by_a_rollback(tmp_path: Path, in_thread: bool) -> None:
    found: list[str | None] = []

    async def coroutine(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            for key in ("k", "none", "mine"):
                dequeued = await tx.dequeue(key)
                found.append(dequeued and dequeued.id)
            if payload:
                raise ValueError("changed my mind")

    def thread(payload: Any, job: SyncJobContext) -> None:
        with job.transaction() as tx:
            for key in ("k", "none", "mine"):
                dequeued = tx.dequeue(key)
                found.append(dequeued and dequeued.id)
            if payload:
                raise ValueError("changed my mind")

    async with open_with_effects(tmp_path, thread if in_thread else coroutine) as site:
        later = await site.enqueue("child", job_key="k", run_at=timedelta(hours=1))
        await site.enqueue("work", {"raise": True}, job_key="mine")
        await site.run_all()
        assert (await site.job(later)).state is JobState.SCHEDULED
        added = await site.enqueue("work", job_key="mine")
        await site.run_all()
        states = [(await site.job(id)).state for id in (later, added)]

    assert states == [JobState.CANCELLED, JobState.SUCCEEDED], "the job's own key is that of a running job"
    assert found == [later, None, None] * 2


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_an_exception_inside_rolls_everything_back_and_fails_the_attempt(tmp_path: Path, in_thread: bool) -> None:
    async def coroutine(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "x"})
            await tx.enqueue("child", {})
            raise ValueError("changed my mind")

    def thread(payload: Any, job: SyncJobContext) -> None:
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "x"})
            tx.enqueue("child", {})
            raise ValueError("changed my mind")

    async with open_with_effects(tmp_path, thread if in_thread else coroutine) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        assert (await effects(site), await children(site)) == ([], 0)

    assert (job.state, job.reason, job.error.message) == (JobState.FAILED, Reason.ERROR, "changed my mind")


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_an_exception_after_the_commit_is_told_and_the_job_stays_succeeded(
    tmp_path: Path, in_thread: bool
) -> None:
    async def coroutine(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "kept"})
        raise ValueError("too late")

    def thread(payload: Any, job: SyncJobContext) -> None:
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "kept"})
        raise ValueError("too late")

    async with open_with_effects(tmp_path, thread if in_thread else coroutine) as site:
        added = await site.enqueue("work")
        summary = await site.run_all()
        job = await site.job(added)
        assert await effects(site) == ["kept"]

    assert (job.state, summary.exit_code) == (JobState.SUCCEEDED, 0)
    assert site.of(JobFailedAfterCommit)[0].error == "ValueError: too late"


async def test_what_a_handler_returns_after_the_commit_is_not_the_result_and_that_is_told(tmp_path: Path) -> None:
    async def work(payload: Any, job: JobContext) -> str:
        async with job.transaction() as tx:
            tx.result("said in time")
        return "said too late"

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        await site.run_all()
        assert (await site.job(added)).result == "said in time"

    assert [event.job.job for event in site.of(JobResultIgnored)] == [added]


async def test_there_is_one_at_a_time_and_none_after_the_commit(tmp_path: Path) -> None:
    seen: list[str] = []

    async def work(payload: Any, job: JobContext) -> None:
        async with job.transaction():
            with pytest.raises(JobStateConflict) as inside:
                async with job.transaction():
                    pass
        with pytest.raises(JobStateConflict) as after:
            async with job.transaction():
                pass
        seen.extend(str(caught.value) for caught in (inside, after))

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        await site.run_all()
        assert (await site.job(added)).state is JobState.SUCCEEDED

    assert seen == [
        f"job {added} is inside its transaction; there is one at a time",
        f"job {added} was completed by its transaction; there is nothing left to complete",
    ]


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_the_result_is_checked_before_the_commit(tmp_path: Path, in_thread: bool) -> None:
    async def coroutine(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "x"})
            tx.result({"n": "not a number"})

    def thread(payload: Any, job: SyncJobContext) -> None:
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "x"})

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    async with open_with_effects(tmp_path, thread if in_thread else coroutine, result=schema) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        assert await effects(site) == []

    assert (job.state, job.reason) == (JobState.FAILED, Reason.INVALID_RESULT)


async def test_an_attempt_past_its_timeout_cannot_commit(tmp_path: Path) -> None:
    def work(payload: Any, job: SyncJobContext) -> None:
        while not job.cancelled:
            time.sleep(0.005)
        with job.transaction() as tx:
            tx.execute(WRITE, {"name": "late"})

    async with open_with_effects(tmp_path, work, timeout=0.05) as site:
        added = await site.enqueue("work")
        await site.run_all()
        job = await site.job(added)
        assert await effects(site) == []

    assert (job.state, job.reason) == (JobState.FAILED, Reason.TIMED_OUT)


async def test_a_stop_that_comes_during_the_commit_does_not_undo_it(tmp_path: Path) -> None:
    reached: list[str] = []

    async def work(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            await tx.execute(WRITE, {"name": "kept"})
            store: Any = job._store
            fence = store.settle_in

            def stopped_at_the_fence(*arguments: Any) -> Any:
                job._attempt.stop(Stop.RELEASE)
                return fence(*arguments)

            store.settle_in = stopped_at_the_fence
        reached.append("after the commit")
        await nothing(None)

    async with open_with_effects(tmp_path, work) as site:
        added = await site.enqueue("work")
        await site.run_all()
        assert await effects(site) == ["kept"]
        assert (await site.job(added)).state is JobState.SUCCEEDED

    assert reached == ["after the commit"]


async def test_its_handle_is_refused_after_its_end(tmp_path: Path) -> None:
    seen: list[BaseException] = []

    async def work(payload: Any, job: JobContext) -> None:
        async with job.transaction() as tx:
            pass
        with pytest.raises(InvalidOption) as caught:
            await job.enqueue("child", {}, connection=tx)
        seen.append(caught.value)

    async with open_with_effects(tmp_path, work) as site:
        await site.enqueue("work")
        await site.run_all()

    assert "transaction is over" in str(seen[0])


@pytest.mark.parametrize("in_thread", [True, False], ids=["thread", "coroutine"])
async def test_progress_is_refused_inside_it_at_once(tmp_path: Path, in_thread: bool) -> None:
    async def coroutine(payload: Any, job: JobContext) -> None:
        async with job.transaction():
            with pytest.raises(JobStateConflict, match="before or after"):
                await job.progress(1)

    def thread(payload: Any, job: SyncJobContext) -> None:
        with job.transaction(), pytest.raises(JobStateConflict, match="before or after"):
            job.progress(1)

    async with open_with_effects(tmp_path, thread if in_thread else coroutine) as site:
        added = await site.enqueue("work")
        await site.run_all()
        assert (await site.job(added)).state is JobState.SUCCEEDED


async def test_one_that_could_not_begin_may_be_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(payload: Any, job: JobContext) -> None:
        with pytest.raises(StoreBusy):
            async with job.transaction():
                raise AssertionError("it began")
        monkeypatch.undo()
        async with job.transaction() as tx:
            tx.result("the second time")

    @asynccontextmanager
    async def busy() -> AsyncIterator[None]:
        raise StoreBusy("somebody has the lock")
        yield

    async with open_with_effects(tmp_path, work) as site:
        monkeypatch.setattr(site.store, "transaction", busy)
        added = await site.enqueue("work")
        await site.run_all()
        assert (await site.job(added)).result == "the second time"

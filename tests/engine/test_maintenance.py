"""What a runner does beside its jobs, and which jobs of others it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, NewJob, Reason
from kongflow.engine import maintenance
from kongflow.engine.events import JobFailed, JobRefused, JobRescued, JobStarted, PartFailed
from kongflow.store.open import open_store
from kongflow.store.records import RunnerInfo
from tests.builders import QUICK, SHORT_LEASE
from tests.engine.site import Site, open_site
from tests.engine.waiting import until, until_async
from tests.store.stage import Stage, add_by_sql

pytestmark = pytest.mark.anyio


async def work(payload: Any) -> Any:
    return payload


async def test_jobs_of_a_renamed_task_run_under_the_new_name_and_those_of_a_removed_one_are_cancelled(
    tmp_path: Path,
) -> None:
    async with open_site(tmp_path, {"old": {"run": work}, "gone": {"run": work}}) as site:
        renamed = await site.enqueue("old", {"id": "a"})
        removed = await site.enqueue("gone", {"id": "b"})

    tasks = {"new": {"run": work, "queue": "runs:<< payload.id >>"}}
    graves = {"old": "new", "gone": None}
    async with open_site(tmp_path, tasks, queues={"runs:*": 1}, tombstones=graves) as site:
        summary = await site.run_all()
        moved, cancelled = await site.job(renamed), await site.job(removed)

    assert (moved.task, moved.queue, moved.state, moved.result) == ("new", "runs:a", JobState.SUCCEEDED, {"id": "a"})
    assert (cancelled.state, cancelled.reason) == (JobState.CANCELLED, Reason.REMOVED)
    assert summary.exit_code == 0


async def test_an_unrouted_job_that_does_not_fit_its_task_fails_before_its_first_attempt(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"old": {"run": work}}) as site:
        bad = await site.enqueue("old", {"id": 5})
        good = await site.enqueue("old", {"id": "five"})

    closed = {"type": "object", "properties": {"id": {"type": "string"}}}
    tasks = {"new": {"run": work, "payload": closed}}
    async with open_site(tmp_path, tasks, tombstones={"old": "new"}) as site:
        summary = await site.run_all()
        refused, fine = await site.job(bad), await site.job(good)

    assert (refused.state, refused.reason, refused.claims) == (JobState.FAILED, Reason.INVALID_PAYLOAD, 0)
    assert "$.id" in refused.error.message
    assert fine.state is JobState.SUCCEEDED
    assert (summary.exit_code, summary.failed, len(site.of(JobRefused))) == (1, 1, 1)


async def test_jobs_of_unknown_tasks_wait_untouched_for_others(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"theirs": {"run": work}, "mine": {"run": work}}) as site:
        theirs = await site.enqueue("theirs")
        await site.enqueue("mine")
    async with open_site(tmp_path, {"mine": {"run": work}}) as site:
        summary = await site.run_all()
        assert (await site.job(theirs)).state is JobState.READY

    assert (summary.succeeded, summary.others) == (1, 1)


async def die_with_a_job(site: Site, change: Callable[[RunnerInfo], RunnerInfo] = lambda info: info) -> None:
    """Claim every ready job in the name of a runner that is never heard of again."""
    dead = open_store(site.catalog.database, site.catalog.runner.poll_interval)
    await dead.open()
    runner = await dead.join(change(site.runner._info()))
    assert (await dead.claim(runner, 10, 10)).jobs
    await dead.close()


async def test_the_jobs_of_a_dead_runner_run_again_without_losing_an_attempt(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=SHORT_LEASE) as site:
        added = await site.enqueue("work")
        await die_with_a_job(site)
        await site.start()
        job = await site.ended(added)

    assert (job.state, job.attempt, job.claims) == (JobState.SUCCEEDED, 1, 2)
    assert [(event.job, event.outcome) for event in site.of(JobRescued)] == [(added, "released")]


async def test_a_job_that_keeps_killing_its_runner_fails_as_crashed_and_only_that_one(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work, "crash_limit": 1}}, runner=SHORT_LEASE) as site:
        killer = await site.enqueue("work")
        await die_with_a_job(site)
        innocent = await site.enqueue("work")
        await site.start()
        crashed = await site.ended(killer)
        assert (await site.ended(innocent)).state is JobState.SUCCEEDED

    assert (crashed.state, crashed.reason) == (JobState.FAILED, Reason.CRASHED)


async def test_at_most_one_suspect_runs_at_a_time(tmp_path: Path) -> None:
    now, most = [0], [0]

    async def careful(payload: Any) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.02 + 3 * QUICK.poll_interval)  # long enough for claims beside it
        now[0] -= 1

    async with open_site(tmp_path, {"work": {"run": careful, "crash_limit": 2}}, runner=SHORT_LEASE) as site:
        ids = [await site.enqueue("work") for _ in range(4)]
        await die_with_a_job(site)
        await site.start()
        states = [(await site.ended(id)).state for id in ids]

    assert states == [JobState.SUCCEEDED] * 4
    assert len(site.of(JobRescued)) == 4
    assert most == [1]


async def test_a_chore_that_fails_in_an_unforeseen_way_is_told_and_the_jobs_go_on(tmp_path: Path) -> None:
    async def broken(*arguments: Any) -> int:
        raise ZeroDivisionError

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        site.store.repair = broken
        await site.start()
        await site.until_told(PartFailed)
        added = await site.enqueue("work")

        assert (await site.ended(added)).state is JobState.SUCCEEDED
        assert site.of(PartFailed)[0].part == "repair"


async def test_a_part_that_dies_ends_the_runner_with_exit_code_1(tmp_path: Path) -> None:
    async def broken(*arguments: Any) -> list[Any]:
        raise ZeroDivisionError("claim")

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        site.store.claim = broken
        await site.start()
        assert site.running is not None
        summary = await site.running

    assert (summary.exit_code, summary.why) == (1, "the worker failed")
    assert "ZeroDivisionError: claim" in site.of(PartFailed)[0].error


async def test_a_wall_clock_that_jumps_steals_and_strands_nothing(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def waits(payload: Any) -> str:
        await go_on.wait()
        return "done"

    async with open_site(tmp_path, {"waits": {"run": waits, "max_attempts": 1}, "work": {"run": work}}) as site:
        running = await site.enqueue("waits")
        later = await site.enqueue("work", run_at=timedelta(minutes=30))
        await site.start()
        await site.until_told(JobStarted)
        site.store.advance(3600, wall_only=True)
        await site.ended(later)
        site.store.advance(-7200, wall_only=True)
        added = await site.enqueue("work")
        await site.ended(added)
        go_on.set()
        job = await site.ended(running)

    assert (job.state, job.result, job.claims) == (JobState.SUCCEEDED, "done", 1)
    assert (site.of(JobRescued), site.of(JobFailed)) == ([], [])


async def test_nothing_is_rescued_by_a_runner_that_has_not_renewed_itself(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work}}, runner=SHORT_LEASE) as site:
        added = await site.enqueue("work")
        await die_with_a_job(site)
        looks: list[bool] = []

        class Never:
            @property
            def may_rescue(self) -> bool:
                looks.append(False)
                return False

        await site.start()
        assert site.runner._shift is not None
        site.runner._shift._maintenance._heartbeat = Never()  # type: ignore[assignment]
        site.store.advance(3600)
        await until(lambda: len(looks) >= 8)

        assert (await site.job(added)).state is JobState.RUNNING


async def test_retention_keeps_up_with_more_than_one_round_of_finished_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "PRUNE_BATCH", 2)
    monkeypatch.setattr(maintenance, "PRUNE_ROUNDS", 2)
    monkeypatch.setattr(maintenance, "PRUNE_EVERY", 0.5)  # a partition that somebody reads is for the next time
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        for _ in range(15):
            await site.enqueue("work")
        await site.run_all()
        site.store.advance(365 * 86_400)
        await site.start()

        async def all_gone() -> bool:
            return await site.jobs() == []

        await until_async(all_gone)


async def test_a_job_that_another_runner_has_routed_is_not_told_as_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_site(tmp_path, {"work": {"run": work, "payload": {"type": "object", "required": ["id"]}}}) as site:

        async def by_another(runner: int, routed: object) -> set[str]:
            return set()

        stage = Stage(site.catalog.database, site.store)
        await add_by_sql(stage)
        monkeypatch.setattr(site.store, "route", by_another)
        await site.start()
        await asyncio.sleep(3 * QUICK.poll_interval)
        assert site.of(JobRefused) == []
        monkeypatch.undo()
        assert (await site.until_told(JobRefused)).reason == "invalid_payload"


async def test_a_job_of_a_renamed_task_whose_queue_is_gone_goes_to_the_queue_of_the_new_one(tmp_path: Path) -> None:
    tasks = {"new": {"run": work, "queue": "new-queue"}}
    async with open_site(tmp_path, tasks, queues={"new-queue": 1}, tombstones={"old": "new"}) as site:
        (job,) = await site.store.insert([NewJob("old", "{}", queue="old-queue", priority=7)])
        await site.run_all()
        done = await site.job(job.id)

    assert (done.state, done.task, done.queue) == (JobState.SUCCEEDED, "new", "new-queue")

"""A free slot of a pattern never waits: what holds a place of it and cannot start gives the place to another."""

from __future__ import annotations

import pytest

from kongflow.core.job import ClaimedJob
from kongflow.core.queue import Queue, RateLimit
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio


async def add(stage: Stage, name: str, task: str = "work", priority: int = 0) -> str:
    """Add a job to a queue of the pattern and return its id."""
    return (await stage.add(task, queue=f"t:{name}", rule="t:*", priority=priority)).id


async def fill(stage: Stage, runner: int, *names: str) -> dict[str, ClaimedJob]:
    """Let one job of each queue run; returns them by the names."""
    for name in names:
        await add(stage, name)
    running = await stage.claim(runner)
    return {(job.queue or "")[2:]: job for job in running}


async def test_a_ready_job_of_a_full_queue_leaves_its_patterns_slot_to_others(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", 1, max_active=2)})
    running = await fill(stage, runner, "a", "x")
    waits = await add(stage, "b", priority=1)
    assert await stage.claim(runner) == []
    await add(stage, "a")
    await stage.end(runner, running["x"])
    assert await stage.claim_ids(runner) == [waits]
    assert await stage.store.repair(runner, 100) == 0


async def test_so_does_one_that_only_another_runner_may_take(stage: Stage) -> None:
    queues = {"t:*": Queue("t:*", 1, max_active=2)}
    here, there = await stage.runner("work", queues=queues), await stage.runner("other", queues=queues)
    await add(stage, "a", "other")
    await stage.claim_one(there)
    running = await fill(stage, here, "x")
    first, second = await add(stage, "b"), await add(stage, "c")
    assert await stage.claim(here) == []
    await stage.end(here, running["x"])
    await add(stage, "a", "other", priority=-1)
    await stage.store.cancel(first)
    assert await stage.claim_ids(here) == [second]
    assert await stage.store.repair(here, 100) == 0


async def test_a_queue_with_free_slots_of_its_own_waits_for_the_pattern_with_as_many_jobs(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", 2, max_active=2)})
    running = await fill(stage, runner, "a", "x")
    second = await add(stage, "a", priority=1)
    await add(stage, "b")
    assert await stage.claim(runner, limit=1) == []
    await stage.end(runner, running["x"])
    await stage.end(runner, await stage.claim_one(runner))
    assert await stage.claim_ids(runner) == [second]
    assert await stage.store.repair(runner, 100) == 0


async def test_a_job_that_waits_for_the_pattern_until_its_queue_may_start_no_more_leaves_its_slot_to_others(
    stage: Stage,
) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", 2, max_active=2, rate_limit=RateLimit(1, 60.0))})
    running = await fill(stage, runner, "x", "y")
    await add(stage, "a")
    assert await stage.claim(runner) == []
    better = await add(stage, "a", priority=-1)
    assert await stage.claim(runner) == []
    other = await add(stage, "b", priority=1)
    assert await stage.claim(runner) == []
    for job in running.values():
        await stage.end(runner, job)
    assert [*await stage.claim_ids(runner), *await stage.claim_ids(runner)] == [better, other]
    assert await stage.store.repair(runner, 100) == 0

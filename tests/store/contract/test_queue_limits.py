"""Never more running jobs of a queue than its limit, in the whole cluster, and always the best ones."""

from __future__ import annotations

import pytest

from tests.store.stage import SUCCEEDED, Stage, info, new

pytestmark = pytest.mark.anyio


async def test_a_serial_queue_runs_one_job_at_a_time_in_order(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    ids = [job.id for job in await stage.store.insert([new(queue="mail") for _ in range(4)])]
    done: list[str] = []
    while jobs := await stage.claim(runner):
        (job,) = jobs
        assert await stage.claim(runner) == []
        await stage.end(runner, job)
        done.append(job.id)
    assert done == ids


async def test_a_limit_holds_over_all_runners(stage: Stage) -> None:
    queues = {"mail": 3}
    first, second = await stage.runner("work", queues=queues), await stage.runner("work", queues=queues)
    await stage.store.insert([new(queue="mail") for _ in range(10)])
    taken = await stage.claim(first, limit=2) + await stage.claim(second) + await stage.claim(first)
    assert len(taken) == 3
    await stage.end(first, taken[0])
    assert len(await stage.claim(second)) == 1
    assert await stage.claim(first) == []


async def test_a_limit_holds_over_processes(stage: Stage) -> None:
    here = await stage.runner("work", queues={"mail": 3})
    other = await stage.another()
    there = await other.join(info("work", queues={"mail": 3}))
    await stage.store.insert([new(queue="mail") for _ in range(10)])
    taken = [*await stage.claim(here, limit=2), *(await other.claim(there, 10, 10)).jobs]
    assert len(taken) == 3


async def test_each_name_of_a_pattern_has_its_own_slots(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1})
    jobs = await stage.store.insert([new(queue=f"runs:{index % 3}") for index in range(9)])
    assert await stage.claim_ids(runner) == [job.id for job in jobs[:3]]
    assert await stage.claim_ids(runner) == []


async def test_the_exact_name_beats_the_pattern_and_the_longer_prefix_the_shorter(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"*": 1, "runs:*": 2, "runs:big": 3})
    for queue in ("any", "runs:7", "runs:big"):
        await stage.store.insert([new(queue=queue) for _ in range(5)])
    taken = [job.queue for job in await stage.claim(runner)]
    assert [taken.count(queue) for queue in ("any", "runs:7", "runs:big")] == [1, 2, 3]


async def test_a_queue_that_no_rule_matches_is_serial(stage: Stage) -> None:
    runner = await stage.runner("work", queues={})
    await stage.store.insert([new(queue="forgotten") for _ in range(3)])
    assert len(await stage.claim(runner)) == 1
    assert await stage.claim(runner) == []


async def test_an_unlimited_queue_has_no_limit(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": None})
    await stage.store.insert([new(queue="mail") for _ in range(50)])
    assert len(await stage.claim(runner)) == 50


async def test_jobs_without_a_queue_have_no_limit_and_match_no_catch_all(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"*": 1})
    await stage.store.insert([new() for _ in range(50)])
    assert len(await stage.claim(runner)) == 50


async def test_a_better_job_that_comes_later_passes_those_that_wait(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    running = await stage.claim_one(runner)
    urgent = await stage.add(queue="mail", priority=-10)
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == [urgent.id]


async def test_a_better_job_passes_one_that_was_promoted_already(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.end(runner, await stage.claim_one(runner))
    urgent = await stage.add(queue="mail", priority=-10)
    assert await stage.claim_ids(runner) == [urgent.id]


async def test_a_full_queue_at_the_head_does_not_hold_up_the_others(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"busy": 1})
    await stage.store.insert([new(queue="busy", priority=-1) for _ in range(5_000)])
    plain = await stage.add()
    first = await stage.claim(runner, limit=2)
    assert [job.queue for job in first] == ["busy", None]
    assert first[1].id == plain.id
    assert await stage.claim(runner) == []


async def test_a_lower_limit_of_the_next_deploy_lets_running_jobs_end_and_starts_no_more(stage: Stage) -> None:
    old = await stage.runner("work", queues={"mail": 5})
    await stage.store.insert([new(queue="mail") for _ in range(30)])
    running = await stage.claim(old, limit=100)
    assert len(running) == 5
    deployed = await stage.runner("work", queues={"mail": 2})
    assert await stage.claim(deployed) == []
    for job in running[:3]:
        await stage.end(old, job)
    assert await stage.claim(deployed) == []
    await stage.end(old, running[3])
    assert len(await stage.claim(deployed)) == 1
    assert await stage.claim(old) == []


async def test_a_higher_limit_of_the_next_deploy_holds_at_once(stage: Stage) -> None:
    old = await stage.runner("work", queues={"mail": 2})
    await stage.store.insert([new(queue="mail") for _ in range(30)])
    assert len(await stage.claim(old)) == 2
    assert await stage.claim(old) == []
    deployed = await stage.runner("work", queues={"mail": 10})
    assert len(await stage.claim(deployed)) == 8
    assert await stage.claim(deployed) == []


async def test_a_queue_can_become_unlimited(stage: Stage) -> None:
    old = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(5_000)])
    assert len(await stage.claim(old)) == 1
    deployed = await stage.runner("work", queues={"mail": None})
    taken: list[str] = []
    while ids := await stage.claim_ids(deployed, limit=1_000):
        taken += ids
    assert taken == [str(id) for id in range(2, 5_001)]


async def test_a_queue_can_become_limited(stage: Stage) -> None:
    old = await stage.runner("work", queues={"mail": None})
    await stage.store.insert([new(queue="mail") for _ in range(10)])
    running = await stage.claim(old, limit=4)
    deployed = await stage.runner("work", queues={"mail": 4})
    assert await stage.claim(deployed) == []
    await stage.end(old, running[0])
    assert len(await stage.claim(deployed)) == 1


async def test_a_batch_of_ends_frees_a_batch_of_slots(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 10})
    await stage.store.insert([new(queue="mail") for _ in range(100)])
    seen: list[str] = []
    while jobs := await stage.claim(runner):
        assert len(jobs) == 10
        seen += [job.id for job in jobs]
        for job in jobs:
            assert not (await stage.end(runner, job, SUCCEEDED)).lost
    assert seen == [str(id) for id in range(1, 101)]


async def test_a_slot_that_a_better_job_of_another_runner_will_take_is_not_booked_before(stage: Stage) -> None:
    queues = {"mail": 2}
    here, there = await stage.runner("work", queues=queues), await stage.runner("special", queues=queues)
    special = await stage.add("special", queue="mail")
    plain = await stage.add(queue="mail", priority=1)
    assert await stage.claim_ids(here) == [plain.id]
    assert await stage.claim_ids(there) == [special.id]
    assert await stage.claim(here) == await stage.claim(there) == []
    assert await stage.store.repair(here, 100) == 0

"""`max_active`: how many jobs of all queues of a pattern may run at once."""

from __future__ import annotations

import pytest

from kongflow.core.job import ClaimedJob, NewJob
from kongflow.core.queue import Queue
from tests.store.stage import FAILED, Stage, new

pytestmark = pytest.mark.anyio

TWO_OF_RUNS = {"runs:*": Queue("runs:*", concurrency=1, max_active=2)}


def runs(number: int, of_each: int = 1) -> list[NewJob]:
    return [new(queue=f"runs:{name}", rule="runs:*") for _ in range(of_each) for name in range(number)]


async def test_no_more_jobs_of_a_pattern_run_than_its_max_active(stage: Stage) -> None:
    here, there = [await stage.runner("work", queues=TWO_OF_RUNS) for _ in range(2)]
    await stage.store.insert(runs(5))
    running = [*await stage.claim(here), *await stage.claim(there)]
    assert len(running) == 2
    assert await stage.claim(there) == []
    seen = {job.queue for job in running}
    while running:
        await stage.end(here, running.pop(0))
        running += await stage.claim(there)
        seen |= {job.queue for job in running}
        assert len(running) <= 2
    assert seen == {f"runs:{name}" for name in range(5)}


async def test_both_limits_hold_the_queues_own_and_the_patterns(stage: Stage) -> None:
    runner = await stage.runner("work", queues=TWO_OF_RUNS)
    ids = [job.id for job in await stage.store.insert(runs(3, of_each=2))]
    order = []
    running = await stage.claim(runner)
    while running:
        assert len(running) <= 2
        assert len({job.queue for job in running}) == len(running)
        job = running.pop(0)
        order.append(job.id)
        await stage.end(runner, job)
        running += await stage.claim(runner)
    assert sorted(order) == sorted(ids)
    assert order.index(ids[0]) < order.index(ids[3])


async def test_of_an_exact_queue_the_smaller_of_both_holds(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": Queue("mail", concurrency=5, max_active=3)})
    await stage.store.insert([new(queue="mail") for _ in range(6)])
    assert len(await stage.claim(runner)) == 3


async def test_a_pattern_without_a_limit_for_each_name_has_the_shared_one(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": Queue("runs:*", concurrency=None, max_active=2)})
    await stage.store.insert(runs(1, of_each=5))
    running = await stage.claim(runner)
    assert len(running) == 2
    await stage.end(runner, running[0])
    assert len(await stage.claim(runner)) == 1


async def test_jobs_of_other_queues_pass_those_that_wait_for_the_pattern(stage: Stage) -> None:
    runner = await stage.runner("work", queues={**TWO_OF_RUNS, "mail": 1})
    await stage.store.insert(runs(4))
    mail = await stage.add(queue="mail", priority=5)
    assert [job.queue for job in await stage.claim(runner, limit=3)] == ["runs:0", "runs:1", "mail"]
    assert await stage.state(mail.id) == "running"


async def test_the_slot_of_a_cancelled_or_lost_job_goes_to_the_next(stage: Stage) -> None:
    here, dead = [await stage.runner("work", queues=TWO_OF_RUNS) for _ in range(2)]
    jobs = await stage.store.insert(runs(4))
    assert len(await stage.claim(dead)) == 2
    await stage.store.cancel(jobs[2].id)
    assert await stage.claim(here) == []
    await stage.lose(dead, witness=here)
    again = await stage.claim(here)
    assert [job.id for job in again] == [jobs[0].id, jobs[1].id]
    await stage.end(here, again[0])
    assert await stage.claim_ids(here) == [jobs[3].id]


async def test_a_waiting_job_that_is_cancelled_lets_the_next_of_its_queue_come(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": Queue("runs:*", concurrency=1, max_active=1)})
    (first, waits, behind) = await stage.store.insert(
        [new(queue="runs:a", rule="runs:*"), *[new(queue="runs:b", rule="runs:*") for _ in range(2)]]
    )
    running = await stage.claim_one(runner)
    assert running.id == first.id
    assert await stage.claim(runner) == []
    await stage.store.cancel(waits.id)
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == [behind.id]


async def test_limits_can_change_while_jobs_run(stage: Stage) -> None:
    old = await stage.runner("work", queues={"runs:*": Queue("runs:*", concurrency=1, max_active=5)})
    await stage.store.insert(runs(12))
    running = await stage.claim(old)
    assert len(running) == 5
    deployed = await stage.runner("work", queues=TWO_OF_RUNS)
    for job in running[:3]:
        await stage.end(old, job)
        assert await stage.claim(deployed) == []
    await stage.end(old, running[3])
    assert len(await stage.claim(deployed)) == 1
    free = await stage.runner("work", queues={"runs:*": 1})
    assert len(await stage.claim(free)) == 6


async def test_a_healthy_run_repairs_nothing(stage: Stage) -> None:
    runner = await stage.runner("work", queues=TWO_OF_RUNS)
    await stage.store.insert(runs(6, of_each=2))
    running = await stage.claim(runner)
    while running:
        assert await stage.store.repair(runner, 100) == 0
        await stage.end(runner, running.pop(0))
        running += await stage.claim(runner)


async def test_a_retried_job_waits_for_its_patterns_slots_again(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", max_active=1)})
    failed = await stage.add(queue="t:a", rule="t:*")
    await stage.end(runner, await stage.claim_one(runner), FAILED)
    await stage.add(queue="t:x", rule="t:*")
    running = await stage.claim_one(runner)
    await stage.store.retry(failed.id, "{}")
    other = await stage.add(queue="t:b", rule="t:*")
    assert await stage.claim(runner, limit=1) == []
    assert [await stage.state(job.id) for job in (failed, other)] == ["blocked", "blocked"]
    await stage.end(runner, running)
    assert await stage.claim_ids(runner) == [failed.id]


async def test_a_better_job_that_takes_the_place_of_a_ready_one_is_no_repair(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1)})
    await stage.add(queue="t:x", rule="t:*")
    running = await stage.claim_one(runner)
    await stage.add(queue="t:a", rule="t:*", priority=1)
    assert await stage.claim(runner) == []
    better = await stage.add(queue="t:a", rule="t:*", priority=0)
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    assert await stage.store.repair(runner, 100) == 0
    assert [job.id for job in await polled(stage, runner)] == [better.id]


async def test_jobs_that_wait_for_a_pattern_follow_their_queue_to_another_rule(stage: Stage) -> None:
    old = await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1)})
    await stage.add(queue="t:busy", rule="t:*")
    assert len(await stage.claim(old)) == 1
    await stage.store.insert([new(queue=f"t:vip:{number}", rule="t:*") for number in range(3)])
    assert await stage.claim(old) == []
    deployed = await stage.runner(
        "work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1), "t:vip:*": Queue("t:vip:*", concurrency=1)}
    )
    assert len(await polled(stage, deployed)) == 3


@pytest.mark.parametrize("rest", [1, 40])
async def test_ready_jobs_obey_the_rule_that_a_deploy_gives_their_queue(stage: Stage, rest: int) -> None:
    before = {"t:*": Queue("t:*", concurrency=1), "t:vip:*": Queue("t:vip:*", concurrency=1, max_active=2)}
    await stage.runner("work", queues={"t:*": before["t:*"]})
    jobs = await stage.store.insert([new(queue=f"t:vip:{number}", rule="t:*") for number in range(2 + rest)])
    deployed = await stage.runner("work", queues=before)
    running = await polled(stage, deployed)
    started = [job.id for job in running]
    while running:
        assert len(running) <= 2
        await stage.end(deployed, running.pop(0))
        more = await polled(stage, deployed)
        started += [job.id for job in more]
        running += more
    assert started == [job.id for job in jobs]


async def test_ready_jobs_go_to_who_serves_the_rule_that_a_deploy_gives_their_queue(stage: Stage) -> None:
    await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1)})
    job = await stage.add(queue="t:vip:a", rule="t:*")
    rules = {"t:*": Queue("t:*", concurrency=1), "t:vip:*": Queue("t:vip:*", concurrency=1)}
    plain = await stage.runner("work", queues=rules, serves=("t:*",))
    vip = await stage.runner("work", queues=rules, serves=("t:vip:*",))
    assert await polled(stage, plain) == []
    assert [each.id for each in await polled(stage, vip)] == [job.id]


async def test_a_slot_that_is_handed_to_a_job_of_another_rule_is_not_lost_to_the_pattern(stage: Stage) -> None:
    old = await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1)})
    await stage.add(queue="t:busy", rule="t:*")
    running = await stage.claim_one(old)
    vip = await stage.add(queue="t:vip:a", rule="t:*")
    plain = await stage.add(queue="t:b", rule="t:*", priority=1)
    assert await stage.claim(old) == []
    deployed = await stage.runner(
        "work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1), "t:vip:*": Queue("t:vip:*", concurrency=1)}
    )
    await stage.end(old, running)
    started = [id for _ in range(5) for id in await stage.claim_ids(deployed)]
    assert sorted(started) == sorted([vip.id, plain.id])


async def test_a_queue_with_many_jobs_does_not_keep_a_patterns_slot_from_others(stage: Stage) -> None:
    queues = {"t:*": Queue("t:*", concurrency=1, max_active=2)}
    runner = await stage.runner("work", queues=queues)
    await stage.store.insert([new(queue=f"t:{name}", rule="t:*") for name in "xy"])
    running = await stage.claim(runner)
    await stage.store.insert([new(queue="t:a", rule="t:*") for _ in range(60)])
    last = await stage.add(queue="t:b", rule="t:*")
    assert await stage.claim(runner, limit=10) == []
    for job in running:
        await stage.end(runner, job)
    started = await polled(stage, runner, polls=5)
    assert last.id in [job.id for job in started]


async def test_a_paused_queue_does_not_keep_a_patterns_slot_from_others(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1)})
    await stage.add(queue="t:x", rule="t:*")
    running = await stage.claim_one(runner)
    await stage.store.insert([new(queue="t:a", rule="t:*") for _ in range(30)])
    last = await stage.add(queue="t:b", rule="t:*")
    assert await stage.claim(runner) == []
    await stage.store.pause("t:a", "", "ada")
    await stage.end(runner, running)
    assert [job.id for job in await polled(stage, runner, polls=5)] == [last.id]


async def test_in_a_queue_the_best_job_starts_first_whatever_it_waits_for(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", concurrency=1, max_active=1)})
    await stage.add(queue="t:x", rule="t:*")
    running = await stage.claim_one(runner)
    jobs = await stage.store.insert([new(queue="t:a", rule="t:*") for _ in range(20)])
    assert await stage.claim(runner, limit=3) == []
    await stage.store.cancel(jobs[0].id)
    await stage.end(runner, running)
    assert [job.id for job in await polled(stage, runner, polls=5)] == [jobs[1].id]


async def polled(stage: Stage, runner: int, polls: int = 3) -> list[ClaimedJob]:
    """What an idle runner gets in some polls, each a claim, as many as there is something to look at, and a repair."""
    started: list[ClaimedJob] = []
    for _ in range(polls):
        for _ in range(20):
            claimed = await stage.store.claim(runner, 10, 0)
            started += claimed.jobs
            if claimed.next_due != 0.0:
                break
        await stage.store.repair(runner, 100)
    return started

"""A runner finds its own among any number of ready jobs for others."""

from __future__ import annotations

import pytest

from kongflow.store.records import Settlement
from tests.store.stage import SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

MANY = 1_500
"""More than a claim reads of others' jobs before it looks for its own kind by kind."""
QUEUES = {"mail": 1, "runs:*": 1, "runs:vip:*": 1, "free": None}


async def drained(stage: Stage, runner: int, limit: int = 7) -> list[str]:
    """Claim and end jobs until nothing is left for a runner; their payloads' order."""
    order = []
    while jobs := await stage.claim(runner, limit=limit):
        order += [job.id for job in jobs]
        await stage.store.settle(runner, [Settlement(job.id, job.lease, SUCCEEDED) for job in jobs])
    return order


async def test_a_runner_that_knows_some_tasks_finds_their_jobs_in_order(stage: Stage) -> None:
    runner = await stage.runner("mine", "mine_too", queues=QUEUES)
    await stage.store.insert([new("theirs", priority=-1) for _ in range(MANY)])
    jobs = await stage.store.insert(
        [new(("mine", "mine_too")[number % 2], priority=number % 3) for number in range(40)]
    )
    wanted = [job.id for job in sorted(jobs, key=lambda job: (job.priority, job.run_at, int(job.id)))]
    await stage.store.repair(runner, 100)
    assert await drained(stage, runner) == wanted


async def test_a_runner_that_forbids_a_flag_finds_the_others(stage: Stage) -> None:
    runner = await stage.runner("work", forbids=("gpu",), queues=QUEUES)
    await stage.store.insert([new(flags=("gpu",), priority=-1) for _ in range(MANY)])
    ids = [job.id for job in await stage.store.insert([new(flags=("cpu",)), new(), new(flags=("cpu", "x"))])]
    await stage.store.repair(runner, 100)
    assert await drained(stage, runner) == ids


async def test_a_runner_that_serves_some_queues_finds_their_jobs(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES, serves=("mail", "runs:vip:*"))
    await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new(queue=f"runs:{number}", rule="runs:*", priority=-1) for number in range(MANY)])
    await stage.store.insert([new(queue="free", rule="free", priority=-1) for _ in range(10)])
    ids = [
        job.id
        for job in await stage.store.insert(
            [
                new(queue="mail", rule="mail"),
                new(queue="runs:vip:1", rule="runs:vip:*"),
                new(queue="runs:vip:2", rule="runs:*"),
                new(queue="mail", rule=None),
                new(),
            ]
        )
    ]
    await stage.store.repair(runner, 100)
    assert sorted(await drained(stage, runner)) == sorted(ids[:4])


async def test_with_many_kinds_the_best_come_first_all_the_same(stage: Stage) -> None:
    tasks = [f"task{number}" for number in range(60)]
    runner = await stage.runner(*tasks, queues=QUEUES)
    await stage.store.insert([new("theirs", priority=-9) for _ in range(MANY)])
    jobs = await stage.store.insert([new(tasks[(number * 7) % 60], priority=number % 5) for number in range(300)])
    wanted = [job.id for job in sorted(jobs, key=lambda job: (job.priority, int(job.id)))]
    await stage.store.repair(runner, 100)
    assert await drained(stage, runner, limit=40) == wanted


async def test_a_queue_whose_head_nobody_may_take_hands_its_slot_to_the_next(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    special = await stage.runner("special", queues=QUEUES)
    await stage.store.insert([new(queue="mail", rule="mail") for _ in range(2)])
    await stage.store.insert([new("special", queue="mail", rule="mail", priority=-1) for _ in range(MANY)])
    first = await stage.claim_one(special)
    await stage.store.leave(special)
    await stage.end(special, first)
    assert len(await stage.claim(runner)) == 1


async def test_task_flags_and_declared_queue_each_make_a_kind(stage: Stage) -> None:
    jobs = [
        new(),
        new("other"),
        new(flags=("gpu",)),
        new(queue="mail", rule="mail"),
        new(queue="runs:1", rule="runs:*"),
        new(queue="runs:2", rule="runs:*"),
    ]
    await stage.store.insert(jobs)
    assert await stage.sql(f"select count(distinct kind) from {stage.table('job')}") == 5


async def test_a_job_that_nobody_serves_gives_a_runner_no_reason_to_look_again(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1}, serves=("mail",))
    unserved = await stage.add(queue="undeclared")
    assert [await stage.next_due(runner) for _ in range(2)] == [None, None]
    assert await stage.state(unserved.id) == "ready"


async def test_a_suspect_that_waits_for_another_gives_a_runner_no_reason_to_look_again(stage: Stage) -> None:
    runner = await stage.runner("work", crash_limit=3)
    await stage.add()
    await stage.sql(f"update {stage.table('job')} set crashes = 2")
    assert [await stage.next_due(runner) for _ in range(2)] == [None, None]
    assert len(await stage.claim(runner, suspects=1)) == 1


async def test_own_jobs_behind_hundreds_of_names_for_others_are_found_by_the_next_claims(stage: Stage) -> None:
    """Nobody had declared these queues, so that only their names tell for whom they are."""
    runner = await stage.runner(queues={"a:*": None, "a:b:*": None}, serves=("a:*",))
    await stage.store.insert([new(queue=f"a:b:{number // 5:03}") for number in range(1_250)])
    last = (await stage.add(queue="a:c")).id
    assert [await stage.claim_ids(runner) for _ in range(2)] == [[], [last]], "250 names, of which it looks at 200"
    first = (await stage.add(queue="a:a")).id
    assert await stage.claim_ids(runner) == [first], "then it begins anew"

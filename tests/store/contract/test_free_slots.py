"""A free slot never waits: whatever becomes of a promoted job, the next claim finds its successor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from kongflow.core.outcome import RunAgain
from tests.store.stage import RELEASED, Stage, new

pytestmark = pytest.mark.anyio

Removal = Callable[[Stage, str], Awaitable[object]]


async def _cancel(stage: Stage, id: str) -> object:
    return await stage.store.cancel(id)


async def _delete(stage: Stage, id: str) -> object:
    return await stage.store.delete(id)


async def _dequeue(stage: Stage, id: str) -> object:
    return await stage.store.dequeue("head")


async def _replace_by_a_later_one(stage: Stage, id: str) -> object:
    return await stage.add(queue="mail", key="head", delay=3600.0)


async def _replace_in_another_queue(stage: Stage, id: str) -> object:
    return await stage.add(queue="other", key="head")


async def _replace_by_a_worse_one(stage: Stage, id: str) -> object:
    return await stage.add(queue="mail", key="head", priority=100)


async def _dequeue_inside_a_transaction(stage: Stage, id: str) -> object:
    async with stage.store.transaction() as connection:
        return await connection.run_sync(lambda sync: stage.store.dequeue_in(sync, "head"))


async def _replace_inside_a_transaction(stage: Stage, id: str) -> object:
    async with stage.store.transaction() as connection:
        later = new(queue="mail", key="head", delay=3600.0)
        return await connection.run_sync(lambda sync: stage.store.insert_in(sync, [later]))


async def _bury(stage: Stage, id: str) -> object:
    return await stage.store.bury({"removed": None})


async def _rename(stage: Stage, id: str) -> object:
    return await stage.store.bury({"removed": "renamed"})


REMOVALS: tuple[Removal, ...] = (
    _cancel,
    _delete,
    _dequeue,
    _replace_by_a_later_one,
    _replace_in_another_queue,
    _replace_by_a_worse_one,
    _dequeue_inside_a_transaction,
    _replace_inside_a_transaction,
    _bury,
    _rename,
)


@pytest.mark.parametrize("remove", REMOVALS, ids=lambda remove: remove.__name__.strip("_"))
async def test_a_promoted_job_that_goes_away_leaves_its_slot_to_the_next(stage: Stage, remove: Removal) -> None:
    runner = await stage.runner("work", "removed", queues={"mail": 1, "other": 1})
    first = await stage.add(queue="mail")
    head = await stage.add("removed", queue="mail", key="head")
    successor = await stage.add(queue="mail")
    running = await stage.claim_one(runner)
    assert await stage.claim(runner) == []
    await stage.end(runner, running)
    assert (await stage.state(first.id), await stage.state(head.id)) == ("succeeded", "ready")
    assert await stage.state(successor.id) == "blocked"
    await remove(stage, head.id)
    assert successor.id in await stage.claim_ids(runner)
    assert await stage.store.repair(runner, 100) == 0


@pytest.mark.parametrize("transition", [RELEASED, RunAgain(60.0)], ids=["released", "snoozed"])
async def test_a_job_that_waits_again_does_not_hold_its_slot(stage: Stage, transition: RunAgain) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    await stage.end(runner, await stage.claim_one(runner), transition)
    assert len(await stage.claim(runner)) == 1


async def test_a_released_job_keeps_its_place_and_a_retried_one_gives_it_up(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    first, second = [job.id for job in await stage.store.insert([new(queue="mail") for _ in range(2)])]
    await stage.end(runner, await stage.claim_one(runner), RELEASED)
    job = await stage.claim_one(runner)
    assert job.id == first
    await stage.end(runner, job, RunAgain(60.0))
    assert await stage.claim_ids(runner) == [second]


async def test_jobs_of_a_task_that_nobody_knows_hold_neither_slot_nor_place(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    unknown = await stage.store.insert([new("gone", queue="mail", priority=-1) for _ in range(3)])
    known = await stage.store.insert([new(queue="mail") for _ in range(2)])
    job = await stage.claim_one(runner)
    assert job.id == known[0].id
    await stage.end(runner, job)
    assert await stage.claim_ids(runner) == [known[1].id]
    knows = await stage.runner("gone", "work", queues={"mail": 2})
    assert await stage.claim_ids(knows) == [unknown[0].id]


async def test_jobs_with_a_flag_that_everybody_forbids_hold_neither_slot_nor_place(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1}, forbids=("gpu",))
    await stage.add(queue="mail", flags=("gpu",), priority=-1)
    plain = await stage.add(queue="mail")
    assert await stage.claim_ids(runner) == [plain.id]


async def test_a_job_that_another_live_runner_may_take_keeps_its_place(stage: Stage) -> None:
    here = await stage.runner("work", queues={"mail": 1})
    there = await stage.runner("work", "special", queues={"mail": 1}, config="two tasks")
    special = await stage.add("special", queue="mail")
    plain = await stage.add(queue="mail")
    assert await stage.claim(here) == []
    job = await stage.claim_one(there)
    assert job.id == special.id
    await stage.end(there, job)
    assert await stage.claim_ids(here) == [plain.id]


async def test_a_place_is_given_up_when_the_last_runner_that_could_take_the_job_leaves(stage: Stage) -> None:
    here = await stage.runner("work", queues={"mail": 1})
    there = await stage.runner("special", queues={"mail": 1})
    await stage.add("special", queue="mail")
    plain = await stage.add(queue="mail")
    assert await stage.claim(here) == []
    await stage.store.leave(there)
    assert await stage.claim_ids(here) == [plain.id]


async def test_a_place_is_given_up_when_the_last_runner_that_could_take_the_job_is_lost(stage: Stage) -> None:
    here = await stage.runner("work", queues={"mail": 1})
    there = await stage.runner("special", queues={"mail": 1})
    await stage.add("special", queue="mail")
    plain = await stage.add(queue="mail")
    assert await stage.claim(here) == []
    await stage.lose(there, witness=here)
    assert await stage.claim_ids(here) == [plain.id]


async def test_the_slot_of_a_lost_runner_goes_to_the_next(stage: Stage) -> None:
    here = await stage.runner("work", queues={"mail": 1})
    there = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(2)])
    lost = await stage.claim_one(there)
    assert await stage.claim(here) == []
    await stage.lose(there, witness=here)
    assert await stage.claim_ids(here) == [lost.id]


async def test_a_freed_slot_does_not_wait_behind_all_the_queues_of_a_deploy(stage: Stage) -> None:
    old = await stage.runner("work", queues={"runs:*": 1, "mail": 1}, config="old")
    await stage.store.insert([new(queue=f"runs:{number}") for number in range(250) for _ in range(2)])
    assert len(await stage.claim(old, limit=500)) == 250
    _, head, successor = [await stage.add(queue="mail") for _ in range(3)]
    await stage.end(old, await stage.claim_one(old))
    assert [await stage.state(job.id) for job in (head, successor)] == ["ready", "blocked"]
    deployed = await stage.runner("work", queues={"runs:*": 1, "mail": 1}, config="new")
    await stage.store.cancel(head.id)
    assert await stage.claim_ids(deployed) == [successor.id]


async def test_repair_finds_what_nothing_else_points_at(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.end(runner, await stage.claim_one(runner))
    await _block_everything(stage)
    assert await stage.claim(runner) == []
    assert await stage.store.repair(runner, 100) == 1
    assert len(await stage.claim(runner)) == 1


async def test_repair_goes_round_all_queues_a_few_at_a_time(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1})
    await stage.store.insert([new(queue=f"runs:{index}") for index in range(10) for _ in range(2)])
    for job in await stage.claim(runner):
        await stage.end(runner, job)
    await _block_everything(stage)
    assert [await stage.store.repair(runner, 4) for _ in range(4)] == [4, 4, 2, 0]


async def test_all_queues_are_looked_at_in_turn_however_often_runners_come_and_go(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1})
    await stage.store.insert([new(queue=f"runs:{index}") for index in range(25) for _ in range(2)])
    await _block_everything(stage)
    for number in range(3):
        await stage.runner("work", f"task_{number}", queues={"runs:*": 1})
        await stage.store.repair(runner, 10)
    assert await stage.sql(f"select count(distinct queue) from {stage.table('job')} where state = 2") == 25


async def _block_everything(stage: Stage) -> None:
    """What a bug would do: every ready job blocked, and nothing noted."""
    await stage.sql(f"update {stage.table('job')} set state = 3, lane = queue where state = 2")
    await stage.sql(f"delete from {stage.table('lane_check')}")


async def test_without_any_runner_no_job_is_blocked(stage: Stage) -> None:
    ids = [job.id for job in await stage.store.insert([new(queue="mail") for _ in range(3)])]
    await stage.store.cancel(ids[0])
    assert [await stage.state(id) for id in ids] == ["cancelled: request", "ready", "ready"]
    runner = await stage.runner("work", queues={"mail": 1})
    assert await stage.claim_ids(runner) == ids[1:2]

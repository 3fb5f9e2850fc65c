"""Job keys over time: who gives way to whom, and when."""

from __future__ import annotations

import asyncio

import pytest

from kongflow.core.outcome import Finish, RunAgain
from kongflow.core.task import Keep
from kongflow.errors import JobStateConflict
from tests.store.stage import FAILED, RELEASED, RETRIED, SUCCEEDED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("end", [FAILED, RETRIED, RELEASED, RunAgain(5.0, gives_back=True)])
async def test_an_older_job_that_runs_ends_superseded_unless_it_succeeds(stage: Stage, end: Finish | RunAgain) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    newer = await stage.add(key="k")
    settled = await stage.end(runner, old, end)
    assert isinstance(settled.transition, Finish)
    assert await stage.state(old.id) == "cancelled: superseded"
    (attempt,) = (await stage.job(old.id)).attempts
    assert (attempt.outcome, attempt.error) == ("cancelled", end.error)
    assert await stage.claim_ids(runner) == [newer.id]


async def test_an_older_job_that_succeeds_has_succeeded(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    await stage.add(key="k")
    await stage.end(runner, old)
    assert await stage.state(old.id) == "succeeded"


@pytest.mark.parametrize("keep", list(Keep))
async def test_an_older_job_gives_way_also_when_the_newer_has_finished_already(stage: Stage, keep: Keep) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    await stage.add(key="k")
    await stage.end(runner, await stage.claim_one(runner), SUCCEEDED, keep)
    await stage.end(runner, old, RETRIED)
    assert await stage.state(old.id) == "cancelled: superseded"


async def test_an_older_job_whose_runner_is_lost_gives_way_too(stage: Stage) -> None:
    dead, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(dead)
    newer = await stage.add(key="k")
    await stage.lose(dead, witness=alive)
    assert await stage.state(old.id) == "cancelled: superseded"
    assert await stage.claim_ids(alive) == [newer.id]


async def test_of_three_generations_only_the_newest_goes_on(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    first = await stage.claim_one(runner)
    await stage.add(key="k")
    second = await stage.claim_one(runner)
    await stage.add(key="k")
    third = await stage.claim_one(runner)
    for job in (second, third, first):
        await stage.end(runner, job, RETRIED)
    states = [await stage.state(job.id) for job in (first, second, third)]
    assert states == ["cancelled: superseded", "cancelled: superseded", "retrying"]


async def test_a_later_job_of_the_key_owes_nothing_to_an_old_story(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    first = await stage.claim_one(runner)
    await stage.add(key="k")
    second = await stage.claim_one(runner)
    await stage.end(runner, first, FAILED)
    await stage.end(runner, second)
    retried = await stage.store.retry(first.id, "{}")
    job = await stage.claim_one(runner)
    assert job.id == retried.id
    await stage.end(runner, job, RETRIED)
    assert await stage.state(job.id) == "retrying"


async def test_the_key_is_free_for_producers_from_the_claim_on(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(key="k")
    await stage.claim(runner)
    assert (await stage.job(job.id)).key == "k"
    assert (await stage.add(key="k")).created


async def test_one_namespace_for_all_tasks(stage: Stage) -> None:
    first = await stage.add("work", key="k")
    assert (await stage.add("other", key="k")).id == first.id


async def test_a_replaced_job_stays_one_job(stage: Stage) -> None:
    runner = await stage.runner("work")
    for index in range(5):
        await stage.add(payload=f'{{"n":{index}}}', key="k")
    assert [job.payload for job in await stage.claim(runner)] == [{"n": 4}]


async def test_a_job_that_is_replaced_waits_for_its_new_time(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    await stage.add(key="k", delay=60.0)
    assert await stage.claim(runner) == []
    await stage.add(key="k")
    assert len(await stage.claim(runner)) == 1


@pytest.mark.parametrize("mode", ["replace", "preserve_run_at", "unsafe_dedupe"])
async def test_fifty_enqueues_of_one_key_at_once_give_one_waiting_job(stage: Stage, mode: str) -> None:
    other = await stage.another()
    stores = [stage.store, other]
    jobs = await asyncio.gather(
        *(stores[index % 2].insert([new(payload=f'{{"n":{index}}}', key="k", mode=mode)]) for index in range(50))
    )
    assert len({job.id for (job,) in jobs}) == 1
    assert sum(job.created for (job,) in jobs) == 1
    runner = await stage.runner("work")
    assert len(await stage.claim(runner)) == 1


async def test_fifty_enqueues_of_one_key_beside_claims_lose_no_request(stage: Stage) -> None:
    runner = await stage.runner("work")
    claimed: list[str] = []

    async def produce(index: int) -> str:
        (job,) = await stage.store.insert([new(payload=f'{{"n":{index}}}', key="k")])
        return job.id

    async def consume() -> None:
        for job in await stage.claim(runner):
            claimed.append(job.id)
            await stage.end(runner, job)

    produced, _ = await asyncio.gather(
        asyncio.gather(*(produce(index) for index in range(50))), asyncio.gather(*(consume() for _ in range(50)))
    )
    await consume()
    assert set(claimed) == set(produced)
    assert len(claimed) == len(set(claimed))


async def test_in_one_call_the_last_of_a_key_wins_and_all_return_it(stage: Stage) -> None:
    jobs = await stage.store.insert(
        [new(payload='{"n":1}', key="a"), new(payload='{"n":2}'), new(payload='{"n":3}', key="a"), new(key="b")]
    )
    assert [job.payload for job in jobs] == [{"n": 3}, {"n": 2}, {"n": 3}, {}]
    assert jobs[0] == jobs[2]
    assert len({job.id for job in jobs}) == 3


async def test_retry_is_refused_while_another_job_holds_the_key(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    await stage.end(runner, old, FAILED)
    newer = await stage.add(key="k")
    for _ in range(2):
        with pytest.raises(JobStateConflict, match=f"job {newer.id} holds its key 'k'"):
            await stage.store.retry(old.id, "{}")
        await stage.claim(runner)
    assert await stage.state(old.id) == "failed: error"


async def test_a_retried_job_takes_its_key_back(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    await stage.end(runner, old, FAILED)
    await stage.store.retry(old.id, "{}")
    replaced = await stage.add(payload='{"n":2}', key="k")
    assert (replaced.id, replaced.created) == (old.id, False)


async def test_dequeue_cancels_a_job_that_was_added_by_sql_and_is_not_routed_yet(stage: Stage) -> None:
    routed = await stage.add(key="k")
    unrouted = [await add_by_sql(stage, job_key="k") for _ in range(2)]
    states = []
    while job := await stage.store.dequeue("k"):
        states.append((job.id, str(job.state), job.reason))
    assert states == [(id, "cancelled", "request") for id in (*reversed(unrouted), routed.id)]

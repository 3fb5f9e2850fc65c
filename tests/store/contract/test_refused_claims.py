"""A job that the database does not let be claimed, its row is damaged or a trigger raises, is its own trouble only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kongflow.core.queue import Queue, RateLimit
from kongflow.errors import StoreRefused
from kongflow.store.records import Settlement
from kongflow.store.refusals import PUT_OFF
from tests.store.stage import SUCCEEDED, Stage, new, refused

pytestmark = pytest.mark.anyio


async def refuse(stage: Stage, *ids: str, when: str = "new.state = 4") -> None:
    """Let the database refuse to lease jobs, or another change of them."""
    for statement in refused(stage.on_postgres, *ids, when=when):
        await stage.sql(statement)


async def mend(stage: Stage) -> None:
    await stage.sql("drop trigger refusing" + (" on kongflow.job" if stage.on_postgres else ""))


async def test_it_is_put_off_and_named_and_all_others_are_claimed(stage: Stage) -> None:
    runner = await stage.runner()
    jobs = [(await stage.add()).id for _ in range(6)]
    await refuse(stage, jobs[0], jobs[3])
    claimed = await stage.store.claim(runner, 100, 100)
    assert [job.id for job in claimed.jobs] == [jobs[1], jobs[2], jobs[4], jobs[5]]
    assert [(job.id, "not this one" in job.why, job.has_failed) for job in claimed.refused] == [
        (jobs[0], True, False),
        (jobs[3], True, False),
    ]
    assert await stage.state(jobs[0]) == "scheduled"
    assert not (await stage.store.claim(runner, 100, 100)).refused, "it stays out of the way"


async def test_it_is_named_again_as_long_as_it_is_refused_and_then_it_runs(stage: Stage) -> None:
    runner = await stage.runner()
    bad = (await stage.add()).id
    await refuse(stage, bad)
    await stage.claim(runner)
    stage.advance(PUT_OFF)
    assert [job.id for job in (await stage.store.claim(runner, 1, 1)).refused] == [bad]
    await mend(stage)
    stage.advance(PUT_OFF)
    (job,) = await stage.claim(runner)
    assert (job.id, job.attempt) == (bad, 1), "what was refused is no attempt"


async def test_its_queue_goes_on_without_it_and_keeps_its_limit(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    bad, first, second = [(await stage.add(queue="mail")).id for _ in range(3)]
    await refuse(stage, bad)
    assert [await stage.claim_ids(runner) for _ in range(2)] == [[first], []]
    stage.advance(PUT_OFF)
    assert await stage.claim_ids(runner) == []
    await mend(stage)
    running = await stage.job(first)
    assert running.state == "running"
    assert await stage.store.cancel(second) is not None
    assert await stage.claim_ids(runner) == [], "the slot is still taken"


async def test_a_blocked_one_that_gets_its_turn_holds_up_nobody(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [(await stage.add(queue="mail")).id for _ in range(4)]
    first = await stage.claim_one(runner)
    await refuse(stage, ids[1])
    await stage.end(runner, first)
    assert await stage.claim_ids(runner) == [ids[2]]


async def test_one_that_waits_behind_a_running_job_and_cannot_be_changed_holds_up_neither_its_end_nor_the_queue(
    stage: Stage,
) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [(await stage.add(queue="mail")).id for _ in range(3)]
    first = await stage.claim_one(runner)
    await refuse(stage, ids[1], when="1 = 1")
    assert not (await stage.end(runner, first)).lost
    assert await stage.state(first.id) == "succeeded"
    assert await stage.claim_ids(runner) == [ids[2]]
    assert await stage.state(ids[1]) == "failed: error"


async def test_an_end_is_not_refused_for_the_next_job_of_its_queue(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [(await stage.add(queue="mail")).id for _ in range(3)]
    first = await stage.claim_one(runner)
    assert await stage.claim(runner) == []
    await refuse(stage, ids[1])
    (settled,) = await stage.store.settle(runner, [Settlement(first.id, first.lease, SUCCEEDED, next_of="mail")])
    assert (settled.lost, settled.next) == (False, None)
    assert await stage.claim_ids(runner) == [ids[2]]


async def test_a_lost_job_is_rescued_whatever_waits_behind_it(stage: Stage) -> None:
    dead, alive = [await stage.runner(queues={"mail": 1}, pid=pid) for pid in (1, 2)]
    ids = [(await stage.add(queue="mail")).id for _ in range(3)]
    await stage.claim_one(dead)
    assert await stage.claim(alive) == []
    await refuse(stage, ids[1])
    assert [(job.id, job.refused) for job in await stage.lose(dead, witness=alive)] == [(ids[0], None)]
    assert await stage.claim_ids(alive) == [ids[0]], "a job that crashed goes back to its place"


async def test_a_repair_gets_past_what_cannot_be_promoted(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [(await stage.add(queue="mail")).id for _ in range(3)]
    first = await stage.claim_one(runner)
    assert await stage.claim(runner) == []
    await refuse(stage, ids[1], when="new.state = 2")
    await stage.sql(f"delete from {stage.table('job')} where id = {first.id}")
    await stage.store.repair(runner, 10)
    assert await stage.claim_ids(runner) == [ids[2]]


@pytest.mark.parametrize("limit", [{"queues": {"mail": 3}}, {"queues": {"ma*": Queue("ma*", None, max_active=3)}}])
async def test_a_deploy_that_sets_it_free_holds_up_nobody(stage: Stage, limit: Mapping[str, Any]) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [(await stage.add(queue="mail")).id for _ in range(3)]
    await stage.claim_one(runner)
    assert await stage.claim(runner) == []
    await refuse(stage, ids[1], when="new.state = 2")
    deployed = await stage.runner(**limit, pid=2)
    assert await stage.claim_ids(deployed) == [ids[2]]


async def test_it_takes_no_start_from_a_rate_limit(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": Queue("mail", None, rate_limit=RateLimit(2, 600.0))})
    bad, *good = [(await stage.add(queue="mail")).id for _ in range(4)]
    await refuse(stage, bad)
    assert await stage.claim_ids(runner) == good[:2]


async def test_a_runner_with_a_single_free_slot_gets_past_it(stage: Stage) -> None:
    runner = await stage.runner()
    bad, good = (await stage.add()).id, (await stage.add()).id
    await refuse(stage, bad)
    assert await stage.claim_ids(runner, limit=1) == [good]


async def test_a_runner_of_some_queues_gets_past_it(stage: Stage) -> None:
    runner = await stage.runner(serves=("mail",))
    await stage.add("other")
    bad, good = (await stage.add(queue="mail")).id, (await stage.add(queue="mail")).id
    await refuse(stage, bad)
    assert await stage.claim_ids(runner) == [good]


async def test_one_that_cannot_be_changed_at_all_fails_where_others_can(stage: Stage) -> None:
    runner = await stage.runner()
    bad, good = (await stage.add()).id, (await stage.add()).id
    await refuse(stage, bad, when="1 = 1")
    claimed = await stage.store.claim(runner, 100, 100)
    assert [job.id for job in claimed.jobs] == [good]
    assert [(job.id, job.has_failed) for job in claimed.refused] == [(bad, True)]
    failed = await stage.job(bad)
    assert (await stage.state(bad), failed.attempt) == ("failed: error", 0)
    (kept,) = failed.attempts
    assert kept.error is not None
    assert "not this one" in kept.error.message


async def test_a_scheduled_one_that_cannot_be_changed_fails_when_its_time_comes(stage: Stage) -> None:
    runner = await stage.runner()
    bad, good = (await stage.add(delay=10.0)).id, (await stage.add()).id
    await refuse(stage, bad, when="1 = 1")
    stage.advance(10.0)
    assert await stage.claim_ids(runner) == [good]
    assert await stage.state(bad) == "failed: error"


async def test_nothing_fails_where_the_database_lets_nobody_change_anything(stage: Stage) -> None:
    runner = await stage.runner()
    ids = [(await stage.add()).id, (await stage.add(delay=1.0)).id]
    stage.advance(1.0)
    await refuse(stage, *ids, when="1 = 1")
    with pytest.raises(StoreRefused, match=rf"job {ids[0]} .*not this one"):
        await stage.claim(runner)
    await mend(stage)
    assert await stage.claim_ids(runner) == ids


async def test_what_is_refused_in_the_middle_of_many_is_found(stage: Stage) -> None:
    runner = await stage.runner()
    ids = [job.id for job in await stage.store.insert([new() for _ in range(300)])]
    await refuse(stage, ids[250])
    assert len(await stage.claim(runner, limit=300)) == 299


async def test_one_far_behind_that_cannot_be_blocked_is_found_too(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    ids = [job.id for job in await stage.store.insert([new(queue="mail") for _ in range(100)])]
    await refuse(stage, ids[60], when="1 = 1")
    assert await stage.claim_ids(runner, limit=2) == ids[:1]
    assert await stage.state(ids[60]) == "failed: error"

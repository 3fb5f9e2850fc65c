"""Which job comes next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kongflow.core.queue import Queue, RateLimit
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio


async def test_a_lower_number_goes_first(stage: Stage) -> None:
    runner = await stage.runner("work")
    late, early, middle = [(await stage.add(priority=priority)).id for priority in (5, -5, 0)]
    assert await stage.claim_ids(runner) == [early, middle, late]


async def test_of_equal_priority_the_earlier_run_at_goes_first(stage: Stage) -> None:
    runner = await stage.runner("work")
    second = await stage.add(run_at=datetime(2020, 1, 2, tzinfo=UTC))
    first = await stage.add(run_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert await stage.claim_ids(runner) == [first.id, second.id]


async def test_jobs_of_one_instant_go_in_the_order_of_adding(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.store.insert([new() for _ in range(20)])
    assert await stage.claim_ids(runner) == [job.id for job in added]


async def test_a_claim_takes_no_more_than_its_limit(stage: Stage) -> None:
    runner = await stage.runner("work")
    ids = [job.id for job in await stage.store.insert([new() for _ in range(5)])]
    assert await stage.claim_ids(runner, limit=2) == ids[:2]
    assert await stage.claim_ids(runner, limit=0) == []
    assert await stage.claim_ids(runner, limit=10) == ids[2:]


async def test_a_scheduled_job_waits_for_its_time_and_not_longer(stage: Stage) -> None:
    runner = await stage.runner("work")
    job = await stage.add(delay=3600.0)
    assert job.state == "scheduled"
    assert await stage.claim_ids(runner) == []
    assert await stage.next_due(runner) == pytest.approx(3600.0, abs=60.0)
    stage.advance(3540.0)
    assert await stage.claim_ids(runner) == []
    stage.advance(60.1)
    assert await stage.claim_ids(runner) == [job.id]
    assert await stage.next_due(runner) is None


async def test_a_job_that_came_due_goes_by_its_priority(stage: Stage) -> None:
    runner = await stage.runner("work")
    important = await stage.add(delay=60.0, priority=-1)
    stage.advance(60.1)
    plain = await stage.add()
    assert await stage.claim_ids(runner) == [important.id, plain.id]


async def test_more_jobs_can_come_due_at_once_than_one_transaction_moves(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new(delay=1.0) for _ in range(5_100)])
    stage.advance(1.1)
    assert len(await stage.claim(runner, limit=5_100)) + len(await stage.claim(runner, limit=5_100)) == 5_100


async def test_a_runner_takes_only_tasks_that_it_knows(stage: Stage) -> None:
    runner = await stage.runner("work")
    unknown = await stage.add("other")
    known = await stage.add("work")
    assert await stage.claim_ids(runner) == [known.id]
    assert await stage.state(unknown.id) == "ready"
    assert (await stage.job(unknown.id)).attempt == 0


async def test_a_runner_takes_no_job_with_a_flag_that_it_forbids(stage: Stage) -> None:
    picky = await stage.runner("work", forbids=("gpu", "slow"))
    flagged = await stage.add(flags=("gpu", "eu"))
    plain = await stage.add(flags=("eu",))
    assert await stage.claim_ids(picky) == [plain.id]
    other = await stage.runner("work")
    (job,) = await stage.claim(other)
    assert (job.id, job.flags) == (flagged.id, ("gpu", "eu"))


async def test_a_runner_serves_only_the_queues_that_it_names(stage: Stage) -> None:
    queues = {"mail": 5, "runs:*": 5}
    mail = await stage.runner("work", queues=queues, serves=("mail",))
    runs = await stage.runner("work", queues=queues, serves=("runs:*",))
    anything = await stage.runner("work", queues=queues)
    of_mail, of_run, of_none = [(await stage.add(queue=queue)).id for queue in ("mail", "runs:7", None)]
    assert await stage.claim_ids(mail) == [of_mail]
    assert await stage.claim_ids(runs) == [of_run]
    assert await stage.claim_ids(anything) == [of_none]


async def test_a_claim_says_all_about_the_job(stage: Stage) -> None:
    runner = await stage.runner("work", max_attempts=7)
    added = await stage.add(payload='{"n":[1,2.5,null,"é"]}', priority=3, tags=("a", "b"), key="k")
    stage.advance(100.0)
    job = await stage.claim_one(runner)
    assert job.payload == {"n": [1, 2.5, None, "é"]}
    assert (job.task, job.queue, job.priority, job.tags, job.key) == ("work", None, 3, ("a", "b"), "k")
    assert (job.attempt, job.max_attempts, job.claims, job.crashes) == (1, 7, 1, 0)
    assert job.age == pytest.approx(100.0, abs=30.0)
    assert (job.run_at, job.created_at) == (added.run_at, added.created_at)


async def test_the_max_attempts_of_the_call_win_over_the_catalog(stage: Stage) -> None:
    runner = await stage.runner("work", max_attempts=7)
    await stage.add(max_attempts=2)
    assert (await stage.claim_one(runner)).max_attempts == 2


async def test_every_claim_has_a_lease_of_its_own(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new() for _ in range(10)])
    leases = [job.lease for _ in range(4) for job in await stage.claim(runner, limit=3)]
    assert len(set(leases)) == 10
    assert all(0 <= lease < 2**63 for lease in leases)


async def test_an_urgent_job_does_not_wait_until_all_that_is_due_is_ready(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.insert([new(delay=5.0) for _ in range(5_100)])
    stage.advance(6.0)
    urgent = await stage.add(priority=-1)
    assert await stage.claim_ids(runner, limit=1) == [urgent.id]
    assert await stage.sql(f"select count(*) from {stage.table('job')} where state = 1") == 100


ROOMY = {
    "unlimited names of a pattern": Queue("a-*", None, max_active=10),
    "names of a pattern": Queue("a-*", 5, max_active=10),
    "a rate": Queue("a-1", None, rate_limit=RateLimit(10, 60.0)),
    "a rate and slots": Queue("a-1", 5, rate_limit=RateLimit(10, 60.0)),
    "slots": Queue("a-1", 5),
}


@pytest.mark.parametrize("rule", ROOMY.values(), ids=ROOMY)
@pytest.mark.parametrize("better", ["of another task", "with a forbidden flag", "that is suspect"])
async def test_where_there_is_room_a_better_job_that_is_not_for_a_runner_keeps_nothing_from_it(
    stage: Stage, rule: Queue, better: str
) -> None:
    queues = {rule.name: rule}
    runner = await stage.runner("work", queues=queues, forbids=("gpu",))
    await stage.runner("work", "other", queues=queues)
    task = "other" if better == "of another task" else "work"
    flags = ("gpu",) if better == "with a forbidden flag" else ()
    first = await stage.add(task, queue="a-1", rule=rule.name, flags=flags)
    job = await stage.add(queue="a-1", rule=rule.name)
    if better == "that is suspect":
        await stage.sql(f"update {stage.table('job')} set crashes = 2 where id = {first.id}")
    assert [claimed.id for claimed in await stage.claim(runner, limit=1, suspects=0)] == [job.id]

"""One claim does a bounded piece of work, however many queues and kinds of jobs wait: what is left, the next ones do. A
claim that took longer the more there is would be cancelled, and the next one would begin the same work anew.
"""

from __future__ import annotations

import pytest

from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

ADD = """
insert into kongflow.job (task, state, queue, rule, lane, flags, priority, run_at, ready_at)
select :task, :state, queue, rule, case when :state = 3 then queue end, array['f' || n % :kinds], :priority, now(),
    now()
from generate_series(1, :jobs) as n cross join (
    select regexp_replace(:rule, '\\*', i::text) as queue, :rule as rule from generate_series(1, :queues) as i
) as queues
"""
COUNT = "select count(*) from kongflow.job where state = {}"


async def add(stage: Stage, rule: str, *, jobs: int, queues: int = 1, kinds: int = 1, **fields: object) -> None:
    """Add so many jobs to each of so many queues of a rule, ready ones unless `state` says otherwise."""
    values = {"task": "work", "state": 2, "priority": 0, **fields}
    await stage.sql(ADD, rule=rule, jobs=jobs, queues=queues, kinds=kinds, **values)


async def count(stage: Stage, state: int) -> int:
    """Count live jobs of a state."""
    return int(await stage.sql(COUNT.format(state)))


async def claim_once(stage: Stage, runner: int, limit: int = 100) -> int:
    """One round of a claim, which is one transaction; return how many jobs it leased."""
    statement = "select count(id) from kongflow.claim(:runner, :limit, 1, true, null, '0')"
    return int(await stage.sql(statement, runner=runner, limit=limit))


async def test_a_claim_blocks_a_bounded_number_of_jobs_however_many_queues_are_full(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1})
    await add(stage, "runs:*", jobs=100, queues=100)
    assert await claim_once(stage, runner) == 100
    assert await claim_once(stage, runner) == 0
    assert 0 < await count(stage, 3) <= 100 + 2_000


async def test_a_claim_blocks_a_bounded_number_of_jobs_however_many_kinds_a_full_queue_holds(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await add(stage, "mail", jobs=10_000, kinds=100)
    assert await claim_once(stage, runner, limit=1) == 1
    assert await claim_once(stage, runner) == 0
    assert 0 < await count(stage, 3) <= 100 + 2_000


async def test_a_claim_of_a_few_jobs_blocks_many_that_wait_behind_them(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await add(stage, "mail", jobs=3_000)
    assert await claim_once(stage, runner) == 1
    assert await count(stage, 3) > 2_000


async def test_a_runner_comes_again_at_once_while_jobs_are_due_that_no_claim_has_made_ready(stage: Stage) -> None:
    runner = await stage.runner("other")
    await add(stage, "mail", jobs=5_100, state=1)
    assert await stage.next_due(runner) == 0
    assert await count(stage, 2) == 5_000
    assert await stage.next_due(runner) is None
    assert await count(stage, 2) == 5_100


LOCKED = "select count(*) from kongflow.job where xmax::text <> '0'"
"""Jobs that anybody has locked or changed since they were added; what nobody has touched has no `xmax`."""


async def test_a_resume_touches_a_bounded_number_of_jobs_however_many_kinds_wait(stage: Stage) -> None:
    await stage.runner("work", queues={"mail": None})
    await add(stage, "mail", state=3, jobs=20_000, kinds=10)
    assert await stage.sql("select kongflow.normalise(array['mail'], now(), false)") is not None
    assert await count(stage, 2) == 2_000
    assert await stage.sql(LOCKED + " and state = 3") == 0


async def test_a_freed_slot_locks_the_next_job_alone_however_many_kinds_wait(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    await add(stage, "mail", jobs=1)
    job = await stage.claim_one(runner)
    await add(stage, "mail", state=3, jobs=1_000, kinds=100)
    await stage.end(runner, job)
    assert await count(stage, 2) == 1
    assert await stage.sql(LOCKED + " and state = 3") == 0


async def test_better_jobs_than_the_ready_ones_count_for_what_one_claim_moves(stage: Stage) -> None:
    await stage.runner("work", queues={"wide:*": 1_500})
    await add(stage, "wide:*", jobs=1_500, queues=5)
    await add(stage, "wide:*", jobs=1_500, queues=5, state=3, priority=-1)
    await stage.sql("insert into kongflow.lane_check (lane) select distinct lane from kongflow.job where state = 3")
    await stage.sql("select kongflow.put_right(100, clock_timestamp())")
    assert 5 * 1_500 < await count(stage, 2) <= 5 * 1_500 + 2 * 2_000


@pytest.mark.parametrize("weights", ["id", "id % 7", "case when id % 10 = 3 then 0 else 1 end"])
async def test_the_best_of_a_lane_are_found_however_they_are_spread_over_kinds(stage: Stage, weights: str) -> None:
    await stage.runner("work", queues={"mail": 1})
    await add(stage, "mail", state=3, jobs=3_000, kinds=10)
    await stage.sql(f"update kongflow.job set priority = {weights}")
    for most in (1, 2, 7, 100, 999, 2_999, 5_000):
        best = f"select array(select id from kongflow.job order by priority, run_at, id limit {most})"
        assert await stage.sql(f"select kongflow.best_of_lane('mail', 3, {most}, null)") == await stage.sql(best)


async def test_a_claim_locks_no_more_jobs_for_others_than_a_queue_has_slots(stage: Stage) -> None:
    mine = await stage.runner("mine", queues={"q:*": 2}, config="c")
    await stage.runner("theirs", queues={"q:*": 2}, config="c")
    await add(stage, "q:*", task="theirs", jobs=100, queues=10)
    await add(stage, "q:*", task="mine", jobs=1, queues=10, priority=5)
    assert await claim_once(stage, mine) == 0
    assert await stage.sql(LOCKED + " and task = 'theirs'") == 20

"""One transaction does a bounded piece of work, however many queues and kinds wait: it keeps everybody else out."""

from __future__ import annotations

from typing import Any

import pytest

from kongflow.core.queue import Queue
from kongflow.store.sqlite import lanes, sweeping
from kongflow.store.sqlite.claiming import MOST_PASSED_OVER
from kongflow.store.sqlite.lanes import MOST_LANES, MOST_MOVED, normalise, normalise_noted
from kongflow.store.sqlite.roster import Roster
from kongflow.store.sqlite.store import SqliteStore
from kongflow.store.sqlite.transaction import Transaction
from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio

COUNT = "select count(*) from kongflow_job where state = {}"


async def test_a_claim_blocks_a_bounded_number_of_jobs_however_many_queues_are_full(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"runs:*": 1})
    await stage.store.insert([new(queue=f"runs:{queue}", rule="runs:*") for _ in range(50) for queue in range(100)])
    assert len(await stage.claim(runner, limit=100)) == 100
    assert 0 < await stage.sql(COUNT.format(3)) <= MOST_MOVED


async def test_a_resume_makes_a_bounded_number_of_jobs_ready_at_once_however_many_queues_wait(stage: Stage) -> None:
    await stage.runner("work", queues={"free:*": None})
    await stage.store.insert([new(queue=f"free:{queue}", rule="free:*") for _ in range(50) for queue in range(100)])
    await stage.sql("update kongflow_job set state = 3, lane = queue")
    await stage.sql("insert into kongflow_lane_check (lane) select distinct lane from kongflow_job")
    assert isinstance(stage.store, SqliteStore)
    access = stage.store._access
    moved, left = [], True
    while left:
        before = await stage.sql(COUNT.format(2))
        left = await access.write(lambda tx: normalise_noted(tx, access.roster(tx)))
        moved.append(await stage.sql(COUNT.format(2)) - before)
    assert sum(moved) == 5_000
    assert max(moved) <= MOST_MOVED


OTHERS = """
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 20000)
insert into kongflow_job (task, state, queue, rule, priority, run_at, ready_at)
select 'work', 2, 'runs:' || n, :rule, -1, 0, 0 from numbers
"""


@pytest.mark.parametrize("rule", [None, "runs:*"], ids=["undeclared", "of a wider pattern"])
async def test_a_runner_of_some_queues_reads_few_ready_jobs_of_others(
    stage: Stage, rule: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.sql(OTHERS, rule=rule)
    queues = {"mail": 1, "runs:*": 1, "runs:vip:*": 1}
    runner = await stage.runner("work", queues=queues, serves=("mail", "runs:vip:*"))
    mine = [
        await stage.add(queue="mail", rule="mail"),
        await stage.add(queue="runs:vip:1", rule=rule),
        await stage.add(queue="runs:vip:2", rule="runs:vip:*"),
    ]
    looked, is_mine = [], Roster.mine

    def mine_counted(*arguments: Any) -> bool:
        looked.append(arguments)
        return is_mine(*arguments)

    monkeypatch.setattr(Roster, "mine", mine_counted)
    assert await stage.claim_ids(runner, limit=10) == [job.id for job in mine]
    assert len(looked) < 3 * MOST_PASSED_OVER


async def test_a_full_queue_is_read_as_far_as_its_jobs_are_moved_however_many_kinds_it_holds(stage: Stage) -> None:
    await stage.runner("work", queues={"mail": 1})
    await stage.store.insert([new(queue="mail", flags=(f"f{n % 20}",)) for n in range(5 * MOST_MOVED)])
    assert isinstance(stage.store, SqliteStore)
    access = stage.store._access
    read = 0

    def count(_cursor: object, row: tuple[object, ...]) -> tuple[object, ...]:
        nonlocal read
        read += 1
        return row

    def look(tx: Transaction) -> None:
        connection = tx.execute.__self__  # type: ignore[attr-defined]
        connection.row_factory = count
        normalise(tx, access.roster(tx), "mail")
        connection.row_factory = None

    await access.write(look)
    assert await stage.sql(COUNT.format(3)) == MOST_MOVED
    assert read < MOST_MOVED + 100


LANES = """
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :count)
insert into kongflow_job (task, state, queue, rule, lane, priority, run_at, ready_at)
select 'work', 3, 't:' || n, 't:*', 't:*', 0, 0, 0 from numbers
"""


async def test_a_runner_that_comes_looks_at_no_queue_itself_and_the_next_claims_look_at_some_each(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.runner("work", queues={"t:*": Queue("t:*", 1, max_active=1)})
    await stage.sql(LANES, count=5 * MOST_LANES)
    looked, look = [], sweeping.sweep

    def counted(tx: Transaction, roster: Roster, most: int) -> list[str]:
        found = look(tx, roster, most)
        looked.append(len(found))
        return found

    monkeypatch.setattr(lanes, "sweep", counted)
    runner = await stage.runner("work", "other", queues={"t:*": 1}, config="a new deploy")
    assert await stage.sql("select count(*) from kongflow_job where lane <> queue") == 5 * MOST_LANES
    claimed = 0
    while jobs := await stage.claim(runner, limit=1_000):
        claimed += len(jobs)
    assert claimed == 5 * MOST_LANES
    assert max(looked) <= MOST_LANES
    assert await stage.sql("select count(*) from kongflow_sweep") == 0


async def test_a_sweep_goes_round_where_runners_come_in_the_middle_of_it(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"t:*": Queue("t:*", 1, max_active=1)})
    await stage.sql(LANES, count=5 * MOST_LANES)
    assert isinstance(stage.store, SqliteStore)
    access = stage.store._access
    for number in range(4):
        await stage.runner("work", queues={"t:*": 1}, config=f"deploy {number}")
        await access.write(lambda tx: normalise_noted(tx, access.roster(tx)))
    while await access.write(lambda tx: normalise_noted(tx, access.roster(tx))):
        pass
    assert len(await stage.claim(runner, limit=1_000)) == 5 * MOST_LANES

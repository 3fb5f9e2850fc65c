"""No statement of the hot path reads a table, or a long queue, to its end: whatever the statistics say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from kongflow.core.job import ClaimedJob
from kongflow.store.inspection import MOST_JOBS
from kongflow.store.records import Routed, Settlement
from tests.store.firing import Desk
from tests.store.stage import RETRIED, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

STATISTICS = FRESH, EMPTY, DRAINED = "fresh", "of an empty table", "of a drained table"
"""Of when the statistics are. A drained table has pages without rows: until they are made anew, the planner takes it
for empty however much is added, and each index for as good as any other.
"""
QUEUES = {"busy": 1, "wide": 20, "runs:*": 1}
Step = Callable[[Stage, int, list[ClaimedJob]], Awaitable[object]]

LOAD = """
insert into kongflow.job (task, state, queue, rule, lane, priority, run_at, ready_at)
select case when n % 10 = 0 then 'unknown' else 'work' end, state, queue, regexp_replace(queue, ':.*', ':*'),
    case when state = 3 then queue end, n % 5, at, now()
from generate_series(1, :rows) as n,
    lateral (values (0, null, now()), (2, null, now() - interval '1 hour'), (2, 'runs:' || n, now()),
        (3, 'busy', now()), (3, 'wide', now()), (1, null, now() + interval '1 day')) as kinds (state, queue, at)
"""
UNDECLARED = """
insert into kongflow.job (task, state, queue, lane, priority, run_at, ready_at)
select 'work', 3, 'undeclared', 'undeclared', 0, now(), now() from generate_series(1, :rows)
"""
GONE = """
insert into kongflow.runner (id, host, pid, config, tasks, forbidden_flags, terms, lease, seen_at, alive, has_left)
select n, 'here', n, '', '{}', '{}', '{}', '15 s', now(), false, true from generate_series(1, :rows) as n
"""
ROWS_READ = """
select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint from pg_stat_user_tables
where schemaname = 'kongflow' and (relname in ('job', 'runner') or relname like 'history%')
"""


async def _settle(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    ends = [
        Settlement(job.id, job.lease, SUCCEEDED if index % 2 else RETRIED, next_of=job.queue)
        for index, job in enumerate(jobs)
    ]
    await stage.store.settle(runner, ends)


async def _settle_from_job_to_job(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    await stage.add(queue="first", priority=-9)
    await stage.add(queue="first", priority=-8)
    job = next(job for job in await stage.claim(runner, limit=2) if job.queue == "first")
    end = Settlement(job.id, job.lease, SUCCEEDED, next_of=job.queue)
    assert (await stage.store.settle(runner, [end]))[0].next is not None


async def _keys(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    for mode in ("replace", "preserve_run_at", "unsafe_dedupe"):
        await stage.add(key="k", mode=mode, queue="busy")
    await stage.store.dequeue("k")
    await stage.claim(runner, limit=1)


async def _look(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    await stage.store.unrouted(runner, 10)
    await stage.store.get(jobs[0].id)
    await stage.store.rescue(runner)
    await stage.store.prune(10)
    stage.renew(runner, [job.lease for job in jobs])
    await stage.store.asked_to_cancel(runner)
    dead = await stage.runner("work", queues=QUEUES)
    assert await stage.claim(dead, limit=3)
    assert await stage.lose(dead, witness=runner)


async def _bury(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    await stage.sql(
        "insert into kongflow.job (task, state, queue, lane, priority, run_at, ready_at) "
        "select 'gone', state, queue, lane, 0, now() + interval '1 day', now() "
        "from (values (0, null, null), (1, null, null), (2, 'q', null), (3, 'busy', 'busy')) s (state, queue, lane)"
    )
    assert await stage.store.bury({"gone": None, "other": None}) == 4
    assert await stage.store.bury({"gone": None, "other": None}) == 0


async def _repair(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    await stage.store.cancel(jobs[0].id)
    await stage.store.repair(runner, 10)
    await stage.store.repair(runner, 10)


async def _claim(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    await stage.claim(runner, limit=10)


async def _operate(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    blocked, later, keyed = [await stage.add(queue="busy", priority=9, key=key) for key in (None, None, "o")]
    await stage.store.await_outcome(blocked.id)
    await stage.store.reschedule(later.id, 3600.0)
    await stage.store.run_now(later.id)
    await stage.store.cancel(keyed.id)
    await stage.store.retry(keyed.id, "{}")
    await stage.store.delete(blocked.id)
    await stage.store.progress(jobs[-1].id, jobs[-1].lease, "1")
    await stage.store.overrunning(jobs[-1].id, jobs[-1].lease)


async def _pause(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    for name in ("busy", "runs:*"):
        await stage.store.pause(name, "", "")
        await stage.claim(runner, limit=10)
        await stage.store.resume(name)
        await stage.claim(runner, limit=10)


async def _route(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    unrouted = await stage.store.unrouted(runner, 2)
    await stage.store.route(runner, [Routed(job.id, new(key="r", queue="busy")) for job in unrouted])


async def _slots(stage: Stage, runner: int, jobs: list[ClaimedJob]) -> None:
    desk = Desk(stage, runner)
    await desk.fire()
    for desk.overlap in ("skip", "queue", "cancel_running", "allow", "skip"):
        await desk.look()
        await desk.fire(desk.read.now, desk.read.now + timedelta(seconds=1))
    assert len((await stage.store.timetable.views())[0].unfinished) > 1
    await stage.store.timetable.pause("nightly", "", "")
    await stage.store.timetable.resume("nightly")
    await stage.store.timetable.forget(runner, [])


STEPS: tuple[Step, ...] = (
    *(_claim, _settle, _settle_from_job_to_job, _keys, _look, _repair),
    *(_operate, _pause, _route, _bury, _slots),
)


async def rows_read(stage: Stage) -> int:
    """How many rows of jobs and runners anybody has read so far."""
    connections = stage.store._access._connections  # type: ignore[attr-defined]
    async with connections.use() as connection:  # the one that was used last: what it counted, it keeps for a second
        await connection.execute("select pg_stat_force_next_flush()")
    return int(await stage.sql(ROWS_READ))


@asynccontextmanager
async def at_work(stage: Stage, rows: int, statistics: str) -> AsyncIterator[tuple[int, list[ClaimedJob]]]:
    """A runner with ten jobs of all kinds, in a table with six times so many rows."""
    if statistics == DRAINED:
        await stage.sql(LOAD, rows=rows)
        await stage.sql("delete from kongflow.job")
    await stage.sql("analyze kongflow.job")  # while it is empty
    await stage.sql(LOAD, rows=rows)
    if statistics == FRESH:
        await stage.sql("analyze kongflow.job")
    runner = await stage.runner("work", queues=QUEUES)
    while not (jobs := await stage.claim(runner, limit=10)):
        pass
    yield runner, jobs


async def check_all(stage: Stage, rows: int, statistics: str) -> None:
    async with at_work(stage, rows, statistics) as (runner, jobs):
        for step in STEPS:
            before = await rows_read(stage)
            await step(stage, runner, jobs)
            read = await rows_read(stage) - before
            assert read < 1000, f"{step.__name__} read {read} rows"


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_a_step_reads_a_few_rows_of_sixty_thousand(stage: Stage, statistics: str) -> None:
    await check_all(stage, 10_000, statistics)


@pytest.mark.slow
@pytest.mark.parametrize("statistics", STATISTICS)
async def test_a_step_reads_a_few_rows_of_a_million(stage: Stage, statistics: str) -> None:
    await check_all(stage, 200_000, statistics)


async def test_nobody_reads_the_blocked_jobs_of_a_queue_that_nobody_serves(stage: Stage) -> None:
    leaving = await stage.runner("work", queues=QUEUES)
    await stage.add(queue="undeclared")
    job = await stage.claim_one(leaving)
    await stage.sql(UNDECLARED, rows=20_000)
    runner = await stage.runner("work", queues=QUEUES, serves=("busy",))
    await stage.store.leave(leaving)
    before = await rows_read(stage)
    assert await stage.claim(runner) == []
    await stage.store.settle(leaving, [Settlement(job.id, job.lease, SUCCEEDED)])
    await stage.store.repair(runner, 10)
    assert await rows_read(stage) - before < 500


async def test_a_claim_that_finds_nothing_does_not_read_the_runners_of_a_week(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.sql(GONE, rows=2_000)
    await stage.store.claim(runner, 1, 1)
    before = await rows_read(stage)
    claimed = await stage.store.claim(runner, 1, 1)
    assert claimed.chores == frozenset()
    assert await rows_read(stage) - before < 50


@pytest.mark.parametrize("rows", [0, 200])
async def test_small_tables_are_worked_on_too(stage: Stage, rows: int) -> None:
    await stage.sql(LOAD, rows=rows)
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new() for _ in range(10)])
    claimed: list[ClaimedJob] = []
    while jobs := await stage.claim(runner, limit=50):
        claimed += jobs
        await stage.store.settle(runner, [Settlement(job.id, job.lease, SUCCEEDED) for job in jobs])
    assert len(claimed) == 10 + 4 * rows * 9 // 10


OTHERS = """
insert into kongflow.job (task, state, queue, rule, priority, run_at, ready_at)
select 'work', 2, 'runs:' || n, :rule, -1, now(), now() from generate_series(1, :rows) as n
"""


@pytest.mark.parametrize("rule", [None, "runs:*"], ids=["undeclared", "of a wider pattern"])
async def test_a_runner_of_some_queues_reads_no_ready_jobs_of_others(stage: Stage, rule: str | None) -> None:
    await stage.sql(OTHERS, rows=20_000, rule=rule)
    await stage.sql("analyze kongflow.job")
    queues = {"mail": 1, "runs:*": 1, "runs:vip:*": 1}
    runner = await stage.runner("work", queues=queues, serves=("mail", "runs:vip:*"))
    mine = [
        await stage.add(queue="mail", rule="mail"),
        await stage.add(queue="runs:vip:1", rule=rule),
        await stage.add(queue="runs:vip:2", rule="runs:vip:*"),
    ]
    before = await rows_read(stage)
    assert await stage.claim_ids(runner, limit=10) == [job.id for job in mine]
    assert await stage.claim_ids(runner, limit=10) == []
    assert await rows_read(stage) - before < 500


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_a_page_of_live_jobs_is_all_that_is_read_for_it(stage: Stage, statistics: str) -> None:
    async with at_work(stage, 10_000, statistics):
        middle = int(await stage.sql("select min(id) + 30000 from kongflow.job"))
        before = await rows_read(stage)
        assert len(await stage.store.inspection.live_jobs(middle)) == MOST_JOBS
        assert await rows_read(stage) - before < 2 * MOST_JOBS

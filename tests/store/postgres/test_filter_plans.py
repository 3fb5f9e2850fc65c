"""A list by filter reads a few rows of many where an index answers it, or where the newest jobs match."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from kongflow.core.job_filter import parse_filter
from kongflow.errors import JobStateConflict
from kongflow.store.records import JobFilter
from tests.store.postgres.test_plans import ROWS_READ
from tests.store.postgres.test_plans import rows_read as read_by_statements
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio

# One of a thousand has failed, and those of the last hour are one in a hundred.
FINISHED = """
insert into kongflow.history (id, task, state, queue, priority, run_at, created_at, finished_at, purge_at, key, tags,
    attempt, claims, crashes, payload)
select n, 'work', case when n % 1000 = 0 then 6 else 5 end, 'mail', 0, at, at, at, current_date + 1 + n % 20,
    'key:' || n, array['vip'], 1, 1, 0, '{"user": {"id": 42}}'
from generate_series(1, cast(:rows as integer)) as n,
    lateral (select now() - interval '36 seconds' * (:rows - n) as at) as times
"""
PARTITIONS = """
do $$ begin
    for state in 5..6 loop for day in 1..20 loop
        execute format('create table kongflow.history_%s_%s partition of kongflow.history '
            'for values from (%s, %L) to (%s, %L)',
            state, day, state, current_date + day, state, current_date + day + 1);
    end loop; end loop;
end $$
"""
LIVE = """
insert into kongflow.job (task, state, queue, priority, run_at, ready_at, job_key, tags)
select 'work', 1, 'mail', 0, now() + interval '1 day', now(), 'live:' || n, array['vip']
from generate_series(1, cast(:rows as integer)) as n
"""

BY_AN_INDEX = (
    "state:failed",
    "state:cancelled",
    "state:failed,cancelled",
    "state:running",
    "state:ready",
    "key:key:77",
    "key:live:77",
    "id:77",
)
BY_THE_NEWEST = (
    "task:work",
    "queue:mail",
    "tag:vip",
    "state:succeeded",
    "state:scheduled",
    "since:10m",
    "state:succeeded task:work queue:mail tag:vip since:10h",
    "state:succeeded payload.user.id:42",
)


async def rows_read(stage: Stage) -> int:
    await stage.sql("select pg_stat_force_next_flush()")  # at the end of this transaction, of what the lists have read
    return int(await stage.sql(ROWS_READ))


async def check(stage: Stage, rows: int, filters: tuple[str, ...]) -> None:
    await stage.sql(FINISHED, rows=rows)
    await stage.sql("select setval(pg_get_serial_sequence('kongflow.job', 'id'), cast(:rows as integer))", rows=rows)
    await stage.sql(LIVE, rows=rows)
    await stage.sql("analyze kongflow.job")
    await stage.sql("analyze kongflow.history")
    await check_lists(stage, filters)


async def check_lists(stage: Stage, filters: tuple[str, ...]) -> None:
    for filter in filters:
        before = await rows_read(stage)
        await stage.store.list_jobs(JobFilter(terms=parse_filter(filter, datetime.now(UTC))), 10)
        read = await rows_read(stage) - before
        assert 0 <= read < 500, f"{filter} read {read} rows"


async def test_a_list_reads_a_few_of_twenty_thousand_jobs(stage: Stage) -> None:
    await check(stage, 10_000, BY_AN_INDEX + BY_THE_NEWEST)


async def test_a_list_reads_a_few_rows_of_forty_partitions(stage: Stage) -> None:
    await stage.sql(PARTITIONS)
    await check(stage, 10_000, BY_AN_INDEX + BY_THE_NEWEST)
    await stage.sql("delete from kongflow.job")
    await check_lists(stage, ("since:10m", "since:15m task:work", "state:succeeded since:10m"))
    assert await stage.sql("select count(*) from kongflow.history_default") == 0


async def test_a_finished_job_is_found_among_forty_partitions_by_its_id(stage: Stage) -> None:
    await stage.sql(PARTITIONS)
    await stage.sql(FINISHED, rows=10_000)
    runner = await stage.runner("work")
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "get": lambda: stage.store.get("77"),
        "await_outcome": lambda: stage.store.await_outcome("77"),
        "reschedule": lambda: refused(stage.store.run_now("77")),
        "retry": lambda: stage.store.retry("77", "{}"),
        "delete": lambda: stage.store.delete("78"),
        "settle": lambda: settle_one(stage, runner),
        "prune": lambda: stage.store.prune(10),
    }
    for name, step in steps.items():
        before = await read_by_statements(stage)
        await step()
        read = await read_by_statements(stage) - before
        assert 0 <= read < 50, f"{name} read {read} rows"


async def refused(step: Awaitable[object]) -> None:
    with pytest.raises(JobStateConflict):
        await step


async def settle_one(stage: Stage, runner: int) -> None:
    assert not (await stage.end(runner, await stage.claim_one(runner))).lost


async def test_a_list_that_finds_nothing_reads_all_of_them(stage: Stage) -> None:
    with pytest.raises(AssertionError, match=r"task:nothing read 3\d{4} rows"):
        await check(stage, 10_000, ("task:nothing",))


@pytest.mark.slow
async def test_a_list_reads_a_few_of_a_million_jobs(stage: Stage) -> None:
    await check(stage, 500_000, BY_AN_INDEX + BY_THE_NEWEST)

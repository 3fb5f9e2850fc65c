"""The history in partitions: made ahead, dropped when their days are over, and in nobody's way."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from kongflow.core.catalog import Retention
from kongflow.core.job import JobState, Reason
from kongflow.core.outcome import Finish, Transition
from kongflow.store.postgres.clock import ServerClock
from kongflow.store.records import JobFilter, Settlement
from tests.store.postgres.test_open_transactions import soon
from tests.store.stage import FAILED, SUCCEEDED, Stage, info

pytestmark = pytest.mark.anyio

DAY = 86_400.0
NEVER = 1e11
"""Seconds from the epoch."""
CANCELLED = Finish(JobState.CANCELLED, Reason.HANDLER)
STATES = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Partition:
    """A partition but the default one; `since` and `until` are days from the epoch."""

    name: str
    state: str
    since: int
    until: int


@pytest.fixture
async def stage(stage: Stage) -> Stage:
    """It is noon: no day ends while a test runs."""
    stage.advance(1.5 * DAY - datetime.now(UTC).timestamp() % DAY)
    return stage


async def today(stage: Stage) -> int:
    """The day of the store, from the epoch."""
    shift: timedelta = stage.store._access.shift  # type: ignore[attr-defined]
    return int((datetime.now(UTC) + shift).timestamp() // DAY)


async def partitions(stage: Stage) -> list[Partition]:
    """The partitions, in order."""
    query = (
        "select name::text, state, extract(epoch from since)::bigint, extract(epoch from until)::bigint "
        "from kongflow.history_partitions() order by state, since"
    )
    async with stage.store.transaction() as connection:
        rows = (await connection.execute(text(query))).all()
    assert all(second % DAY == 0 for row in rows for second in row[2:])
    return [Partition(name, STATES[state - 5], int(since / DAY), int(end / DAY)) for name, state, since, end in rows]


async def finished(stage: Stage, runner: int, end: Transition = SUCCEEDED) -> str:
    """A job that ends now."""
    added = await stage.add()
    job = await stage.claim_one(runner)
    assert (job.id, (await soon(stage.end(runner, job, end))).lost) == (added.id, False)
    return job.id


async def home(stage: Stage, id: str) -> str:
    """The partition that a finished job is in."""
    return str(await stage.sql("select tableoid::regclass::text from kongflow.history where id = :id", id=int(id)))


async def covers(stage: Stage, state: str, day: int) -> bool:
    """Say whether a partition has a day, from the epoch."""
    found = [each for each in await partitions(stage) if each.state == state and each.since <= day < each.until]
    assert len(found) < 2
    return bool(found)


async def test_partitions_are_made_for_what_ends_within_three_days(stage: Stage) -> None:
    await stage.runner("work", retention=Retention(7 * DAY, 30 * DAY, 2 * DAY))
    assert await stage.store.prune(10) == 0
    now = await today(stage)
    for state, days in (("succeeded", 7), ("failed", 30), ("cancelled", 2)):
        assert [await covers(stage, state, now + days + ahead) for ahead in range(4)] == [True] * 4
    made = await partitions(stage)
    assert await stage.store.prune(10) == 0
    assert await partitions(stage) == made


async def test_a_job_goes_into_the_partition_of_its_outcome_and_day_and_is_gone_when_that_is_over(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(7 * DAY, 14 * DAY, 7 * DAY))
    await stage.store.prune(10)
    ids = [await finished(stage, runner, end) for end in (SUCCEEDED, FAILED, CANCELLED)]
    homes = [await home(stage, id) for id in ids]
    names = {each.name: (each.state, each.until - each.since) for each in await partitions(stage)}
    assert [names[name] for name in homes] == [("succeeded", 1), ("failed", 1), ("cancelled", 1)]
    states = []
    for _ in range(3):
        states.append([await stage.state(id) for id in ids])
        stage.advance(7.6 * DAY)
        assert await stage.store.prune(10) == 0
    assert states[0] == ["succeeded", "failed: error", "cancelled: handler"]
    assert states[1:] == [["gone", "failed: error", "gone"], ["gone"] * 3]
    assert {each.name for each in await partitions(stage)}.isdisjoint(homes)


@pytest.mark.parametrize("since", ["before this process came", "while this process runs"])
async def test_a_servers_clock_that_is_a_year_ahead_costs_no_history(stage: Stage, since: str) -> None:
    runner = await stage.runner("work", retention=Retention(7 * DAY, 30 * DAY, 10.0))
    unpartitioned = await finished(stage, runner)
    await stage.store.prune(10)
    ids = [unpartitioned, *[await finished(stage, runner, end) for end in (FAILED, CANCELLED)]]
    year = 365 * DAY
    if since == "while this process runs":
        clock = ServerClock(lambda: time.monotonic() - stepped, lambda: NEVER)
        stepped = 0.0
        clock.read(datetime.now(UTC), clock.monotonic())
        stepped = year
    else:
        clock = ServerClock(wall=lambda: time.time() - year)
    stage.advance(year)
    stage.store._access.clock = clock  # type: ignore[attr-defined]
    assert await stage.store.prune(10) == 0
    assert [await stage.state(id) for id in ids] == ["succeeded", "failed: error", "cancelled: handler"]
    stage.store._access.clock = ServerClock()  # type: ignore[attr-defined]
    assert await stage.store.prune(10) == 2
    assert [await stage.state(id) for id in ids] == ["gone"] * 3


async def test_without_a_partition_a_job_ends_all_the_same_and_is_deleted_by_row(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(2 * DAY, 2 * DAY, 2 * DAY))
    id = await finished(stage, runner)
    assert await home(stage, id) == "kongflow.history_default"
    stage.advance(2 * DAY - 60.0)
    assert await stage.store.prune(10) == 0
    assert await stage.state(id) == "succeeded"
    stage.advance(61.0)
    assert await stage.store.prune(10) == 1
    assert await stage.state(id) == "gone"


async def test_a_day_that_has_rows_without_a_partition_gets_none_and_the_next_does(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(40 * DAY, 40 * DAY, 40 * DAY))
    await finished(stage, runner)
    await stage.store.prune(10)
    first = await today(stage) + 40
    assert [await covers(stage, "succeeded", first + ahead) for ahead in range(4)] == [False, True, True, True]
    assert await covers(stage, "failed", first)
    assert await home(stage, await finished(stage, runner)) == "kongflow.history_default"
    stage.advance(DAY)
    assert await home(stage, await finished(stage, runner)) != "kongflow.history_default"


async def test_what_is_kept_for_less_than_a_day_is_deleted_by_row_in_its_partition_too(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(succeeded=10.0))
    await stage.store.prune(10)
    ids = [await finished(stage, runner) for _ in range(3)]
    assert [await home(stage, id) == "kongflow.history_default" for id in ids] == [False] * 3
    stage.advance(11.0)
    assert [await stage.store.prune(2) for _ in range(2)] == [2, 1]
    assert [await stage.state(id) for id in ids] == ["gone"] * 3


@pytest.mark.parametrize("days", [1.0, 15.5, 365.0, 1e9])
async def test_a_long_retention_has_few_partitions_and_no_gap(stage: Stage, days: float) -> None:
    runner = await stage.runner("work", retention=Retention(days * DAY, 7 * DAY, 7 * DAY))
    homes = set()
    for _ in range(12):
        await stage.store.prune(10)
        homes.add(await home(stage, await finished(stage, runner)))
        stage.advance(min(days, 1e5) / 6 * DAY)
        stage.renew(runner)
    assert "kongflow.history_default" not in homes
    assert len([each for each in await partitions(stage) if each.state == "succeeded"]) <= 20


async def test_a_changed_retention_gets_partitions_beside_those_of_the_last(stage: Stage) -> None:
    for number, days in enumerate((7.0, 30.0, 365.0, 12.0, 0.001, 28.0, 8.0)):
        runner = await stage.runner("work", config=f"deploy {number}", retention=Retention(succeeded=days * DAY))
        await stage.store.prune(10)
        assert await home(stage, await finished(stage, runner)) != "kongflow.history_default"
        stage.advance(DAY)
        stage.renew(runner)
    made = [each for each in await partitions(stage) if each.state == "succeeded"]
    assert all(first.until <= second.since for first, second in pairwise(made))


async def test_the_words_in_which_a_server_tells_the_time_do_not_matter(stage: Stage) -> None:
    for setting in ("timezone = 'Asia/Kathmandu'", "datestyle = 'German, DMY'"):
        await stage.sql("do $$ begin execute format('alter database %I set " + setting.replace("'", "''")
                        + "', current_database()); end $$")  # fmt: skip
    store = await stage.another()
    stage.others[0].advance((await today(stage) + 0.5) * DAY - datetime.now(UTC).timestamp())
    await store.join(info("work"))
    await store.prune(10)
    made = await partitions(stage)
    assert len(made) == 10
    await store.prune(10)
    assert await partitions(stage) == made


async def test_runners_that_prune_at_once_do_it_once(stage: Stage) -> None:
    runner = await stage.runner("work")
    stores = [await stage.another() for _ in range(4)]
    for store in stores:
        store.advance(stage.store._access.shift.total_seconds())  # type: ignore[attr-defined]
    assert await asyncio.gather(*(store.prune(10) for store in stores)) == [0] * 4
    await stage.store.prune(10)  # where each saw the others at it
    id, now = await finished(stage, runner), await today(stage)
    assert await home(stage, id) != "kongflow.history_default"
    stage.advance(12 * DAY)
    assert await asyncio.gather(*(store.prune(10) for store in stores)) == [0] * 4
    await stage.store.prune(10)
    assert await stage.state(id) == "gone"
    assert all(each.until > now + 12 for each in await partitions(stage))


@pytest.mark.parametrize("query", ["select * from kongflow.history", "select * from kongflow.get(1)"])
async def test_somebody_who_reads_for_long_holds_nobody_up(stage: Stage, query: str) -> None:
    runner = await stage.runner("work")
    await stage.store.prune(10)
    id = await finished(stage, runner)
    stage.advance(9 * DAY)
    stage.renew(runner)
    before = await partitions(stage)
    async with stage.store.transaction() as connection:
        await connection.execute(text(query))
        assert await soon(stage.store.prune(10)) == 0
        assert await partitions(stage) == before
        assert await stage.state(await finished(stage, runner)) == "succeeded"
        assert await soon(stage.store.retry(id, "{}")) is not None
    await stage.store.prune(10)
    after = await partitions(stage)
    assert set(before) - set(after)
    assert set(after) - set(before)


async def test_a_partition_that_nobody_reads_is_emptied_while_somebody_reads_others(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.prune(10)
    id = await finished(stage, runner)
    over = await home(stage, id)
    stage.advance(9 * DAY)
    async with stage.store.transaction() as connection:
        await connection.execute(text("select * from kongflow.history where state = 6"))
        await soon(stage.store.prune(10))
        assert over in {each.name for each in await partitions(stage)}
        assert await stage.sql(f"select pg_relation_size('{over}')") == 0
        assert (await stage.store.list_jobs(JobFilter(), 10)).items == ()
    await stage.store.prune(10)
    assert over not in {each.name for each in await partitions(stage)}


async def test_a_completion_that_stays_open_holds_nobody_up_and_keeps_its_row(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(9 * DAY, 9 * DAY, 9 * DAY))
    job = await stage.add()
    claimed = await stage.claim_one(runner)
    async with stage.store.transaction() as connection:
        end = Settlement(claimed.id, claimed.lease, SUCCEEDED)
        await connection.run_sync(lambda sync: stage.store.settle_in(sync, end))
        assert await soon(stage.store.prune(10)) == 0
        assert await partitions(stage) == []
        await finished(stage, runner)
    await stage.store.prune(10)
    assert await home(stage, job.id) == "kongflow.history_default"
    assert not await covers(stage, "succeeded", await today(stage) + 9)
    assert await covers(stage, "succeeded", await today(stage) + 10)


async def test_nobody_waits_while_millions_of_rows_are_searched_for_what_belongs_into_a_partition(stage: Stage) -> None:
    await stage.runner("work")
    told = "update pg_class set reltuples = :rows where oid = 'kongflow.history_default'::regclass"
    await stage.sql(told, rows=6_000_000)
    await stage.store.prune(10)
    assert await partitions(stage) == []
    await stage.sql(told, rows=4_000_000)
    await stage.store.prune(10)
    assert await partitions(stage)


async def test_a_partition_that_is_gone_since_it_was_listed_is_passed_over(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(2 * DAY, 2 * DAY, 2 * DAY))
    id = await finished(stage, runner)
    await stage.sql(
        "create or replace function kongflow.history_partitions() "
        "returns table (name regclass, state integer, since timestamptz, until timestamptz) language sql "
        "as $$ select 1::oid::regclass, 0, timestamptz '-infinity', timestamptz 'infinity' $$"
    )
    stage.advance(3 * DAY)
    assert await stage.store.prune(10) == 1
    assert await stage.state(id) == "gone"


async def test_a_table_that_has_the_name_of_the_next_partition_is_left_alone(stage: Stage) -> None:
    await stage.runner("work")
    await stage.store.prune(10)
    first = (await partitions(stage))[0].name
    await stage.sql(f"alter table kongflow.history detach partition {first}")
    assert await stage.store.prune(10) == 0
    assert first not in [each.name for each in await partitions(stage)]


async def test_a_partition_that_takes_too_long_is_for_the_next_time(stage: Stage) -> None:
    await stage.runner("work")
    await stage.sql(
        "create or replace function kongflow.is_held(p_tables regclass[]) returns boolean language sql "
        "return pg_sleep(60) is null"
    )
    async with stage.store.transaction() as connection:
        await connection.execute(text("set local statement_timeout = '300ms'"))
        assert (await connection.execute(text("select kongflow.make_partition('0')"))).scalar() is False
    assert await partitions(stage) == []


async def test_settles_go_on_while_partitions_are_made_and_dropped(stage: Stage) -> None:
    runner = await stage.runner("work", retention=Retention(2 * DAY, 2 * DAY, 2 * DAY))
    pruner = await stage.another()
    pruner.advance(stage.store._access.shift.total_seconds())  # type: ignore[attr-defined]

    async def settle() -> list[str]:
        return [await finished(stage, runner) for _ in range(60)]

    settling = asyncio.ensure_future(settle())
    while not settling.done():
        await pruner.prune(10)
        pruner.advance(DAY / 4)
    assert len(set(await settling)) == 60


async def test_a_partition_that_somebody_made_a_view_of_stays_and_the_others_go(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.store.prune(10)
    over = await home(stage, await finished(stage, runner))
    await stage.sql(f"create view public.mine as select id from {over}")
    stage.advance(12 * DAY)
    await stage.store.prune(10)
    now = await today(stage)
    assert [each.name for each in await partitions(stage) if each.until <= now] == [over]
    assert await stage.sql("select count(*) from public.mine") == 0

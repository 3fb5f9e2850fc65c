"""A lock that a rescue meets is no refusal: the look ends, and the next one goes on."""

from __future__ import annotations

import pytest

from kongflow.errors import StoreBusy
from kongflow.store.refusals import SHORT_REST
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio


async def lost(stage: Stage) -> tuple[int, list[str]]:
    """Let a runner leave with three jobs whose next crash fails them; return who may rescue them, and their ids."""
    await stage.sql("alter function kongflow.settle set lock_timeout = '50ms'")
    alive, dead = await stage.runner("nothing"), await stage.runner("work", crash_limit=1)
    jobs = [(await stage.add()).id for _ in range(3)]
    assert len(await stage.claim(dead)) == len(jobs)
    await stage.store.leave(dead)
    return alive, jobs


async def look(stage: Stage, runner: int) -> list[str]:
    """Look once, and name what was rescued; nothing is told as refused."""
    try:
        rescued = await stage.store.rescue(runner)
    except StoreBusy:
        return []
    assert all(job.refused is None for job in rescued)
    return [job.id for job in rescued]


async def test_a_lock_on_the_whole_history_ends_a_look_at_its_first_single_job(stage: Stage) -> None:
    alive, jobs = await lost(stage)
    async with stage.store.transaction() as user:
        await user.exec_driver_sql("lock table kongflow.history in share mode")  # as CREATE INDEX does
        assert await look(stage, alive) == []
    assert await look(stage, alive) == jobs[1:], "but for the one that was met"
    stage.advance(SHORT_REST / 1000)
    stage.renew(alive)
    assert await look(stage, alive) == jobs[:1]


@pytest.mark.parametrize("sqlstate", ["57014", "40001", "40P01", "55P03"])
async def test_a_job_that_is_always_in_somebodys_way_is_passed_over_by_the_next_look(
    stage: Stage, sqlstate: str
) -> None:
    alive, jobs = await lost(stage)
    await stage.damage(jobs[1], sqlstate)
    assert [await look(stage, alive) for _ in range(3)] == [jobs[:1], jobs[2:], []]


async def test_a_job_whose_end_waits_for_somebody_holds_up_the_others_for_one_look(stage: Stage) -> None:
    alive, jobs = await lost(stage)
    await stage.sql("create table public.audit as select 1 as id")
    await stage.sql(
        "create function public.audited() returns trigger language plpgsql as $$ begin "
        f"if new.id = {jobs[1]} then perform from public.audit for update; end if; return new; end $$"
    )
    await stage.sql("create trigger audited before insert on kongflow.history for each row execute function audited()")
    async with stage.store.transaction() as user:
        await user.exec_driver_sql("select from public.audit for update")
        assert await look(stage, alive) == jobs[:1]
        assert await look(stage, alive) == jobs[2:]
        assert await stage.state(jobs[1]) == "running"
    stage.advance(SHORT_REST / 1000)
    stage.renew(alive)
    assert await look(stage, alive) == [jobs[1]]

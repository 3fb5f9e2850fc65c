"""A job that the database cannot move any more: it holds up no other job, on the runner that ran it and on others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import JobState, UnroutedJob
from kongflow.engine import settler
from kongflow.engine.events import JobRescued, PartFailed
from kongflow.store import refusals as refusals_module
from kongflow.store.records import Claimed, Rescued
from tests.builders import SHORT_LEASE
from tests.engine.site import Site, open_site
from tests.engine.test_maintenance import die_with_a_job
from tests.engine.waiting import until
from tests.store.stage import damaged, mended, refused

pytestmark = pytest.mark.anyio


async def work(payload: Any) -> None:
    pass


async def damage(site: Site, id: str) -> None:
    async with site.store.transaction() as connection:
        for statement in damaged(connection.dialect.name == "postgresql", id):
            await connection.execute(text(statement))


def named(site: Site, part: str, words: str) -> int:
    """Return how often a part of the runner said this of a job."""
    return sum(told.part == part and words in told.error for told in site.of(PartFailed))


async def test_all_others_end_and_the_run_ends(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        bad = await site.enqueue("work")
        good = [await site.enqueue("work") for _ in range(10)]
        await damage(site, bad)
        summary = await site.run_all()
        states = {id: (await site.job(id)).state for id in (bad, *good)}

    assert states == {bad: JobState.RUNNING, **dict.fromkeys(good, JobState.SUCCEEDED)}
    assert (summary.succeeded, summary.unwritten, summary.exit_code) == (10, 1, 1)
    assert summary.why == "nothing is left to do, but for 1 end that the database does not take"
    assert any(f"job {bad}: " in told.error for told in site.of(PartFailed))


async def test_one_that_cannot_be_claimed_is_named_once_and_all_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kongflow.store.postgres.claiming.PUT_OFF", 0.01)
    monkeypatch.setattr("kongflow.store.sqlite.refused.PUT_OFF", 0.01)
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        bad = await site.enqueue("work")
        good = [await site.enqueue("work") for _ in range(10)]
        async with site.store.transaction() as connection:
            for statement in refused(connection.dialect.name == "postgresql", bad):
                await connection.execute(text(statement))
        claim, times = site.store.claim, []

        async def noted(*wanted: int) -> Claimed:
            claimed: Claimed = await claim(*wanted)
            times.extend(job.id for job in claimed.refused)
            return claimed

        site.store.claim = noted
        await site.start()
        await until(lambda: len(times) >= 3)
        states = {(await site.ended(id)).state for id in good}

    assert states == {JobState.SUCCEEDED}
    assert set(times) == {bad}
    assert named(site, "claim", f"job {bad} cannot be claimed") == 1, site.told


async def test_one_by_sql_that_cannot_be_routed_is_named_once_and_all_others_run(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        async with site.store.transaction() as connection:
            on_postgres = connection.dialect.name == "postgresql"
            table = "kongflow.job" if on_postgres else "kongflow_job"
            for statement in refused(on_postgres, "1", when="new.state > 0"):
                await connection.execute(text(statement))
            for _ in range(3):
                await connection.execute(text(f"insert into {table} (task, payload) values ('work', '{{}}')"))
        unrouted, times = site.store.unrouted, []

        async def noted(runner: int, limit: int) -> list[UnroutedJob]:
            found: list[UnroutedJob] = await unrouted(runner, limit)
            times.extend(job.id for job in found if job.refused)
            return found

        site.store.unrouted = noted
        await site.start()
        await until(lambda: len(times) >= 3)
        states = {(await site.ended(id)).state for id in "23"}

    assert states == {JobState.SUCCEEDED}
    assert set(times) == {"1"}
    assert named(site, "route", "job 1, which was added by SQL, cannot be routed") == 1, site.told


async def test_one_that_nobody_can_change_is_a_failure_of_the_run(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        bad, good = await site.enqueue("work"), await site.enqueue("work")
        async with site.store.transaction() as connection:
            for statement in refused(connection.dialect.name == "postgresql", bad, when="1 = 1"):
                await connection.execute(text(statement))
        summary = await site.run_all()
        states = {id: (await site.job(id)).state for id in (bad, good)}

    assert states == {bad: JobState.FAILED, good: JobState.SUCCEEDED}
    assert (summary.succeeded, summary.failed, summary.exit_code) == (1, 1, 1)


async def test_it_ends_when_the_damage_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settler, "ASIDE", 0.01)
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        bad = await site.enqueue("work")
        await damage(site, bad)
        await site.start()
        await site.until_told(PartFailed, 2)
        async with site.store.transaction() as connection:
            await connection.execute(text(mended(connection.dialect.name == "postgresql")))
        ended = await site.ended(bad)

    assert ended.state is JobState.SUCCEEDED


async def test_a_stop_writes_its_end_where_the_damage_was_mended_meanwhile(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        bad = await site.enqueue("work")
        await damage(site, bad)
        await site.start()
        await site.until_told(PartFailed)
        async with site.store.transaction() as connection:
            await connection.execute(text(mended(connection.dialect.name == "postgresql")))
        summary = await site.stop()
        ended = await site.job(bad)

    assert (ended.state, ended.claims, ended.crashes) == (JobState.SUCCEEDED, 1, 0)
    assert (summary.succeeded, summary.unwritten, summary.exit_code) == (1, 0, 0)


async def test_a_lost_one_is_named_once_and_the_others_are_rescued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals_module, "FIRST_REST", 0)
    async with open_site(tmp_path, {"work": {"run": work, "crash_limit": 1}}, runner=SHORT_LEASE) as site:
        bad, good = await site.enqueue("work"), await site.enqueue("work")
        await die_with_a_job(site)
        await damage(site, bad)
        rescue, refusals = site.store.rescue, []

        async def noted(runner: int) -> list[Rescued]:
            rescued: list[Rescued] = await rescue(runner)
            refusals.extend(job.id for job in rescued if job.refused)
            return rescued

        site.store.rescue = noted
        await site.start()
        await until(lambda: len(refusals) >= 3)

    assert {bad} == set(refusals)
    assert [event.job for event in site.of(JobRescued)] == [good]
    assert [(told.part, f"job {bad} of the lost runner" in told.error) for told in site.of(PartFailed)] == [
        ("rescue", True)
    ], site.of(PartFailed)

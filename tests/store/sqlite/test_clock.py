"""Leases go by the host's monotonic clock, which means nothing after a reboot."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from kongflow.store.sqlite.clock import Clock
from tests.store.stage import LEASE, POLL, SUCCEEDED, Stage, new

pytestmark = pytest.mark.anyio

BEYOND_ANY_UPTIME = 10**15


async def reboot(stage: Stage, runner: int, ran_for: float) -> None:
    """Let a runner be of an earlier boot, whose clock stood higher, and its attempt as long as it had run then."""
    async with stage.store.transaction() as connection:
        await connection.exec_driver_sql(
            "update kongflow_runner set boot = 'earlier', seen_mono = :mono where id = :runner",
            {"mono": BEYOND_ANY_UPTIME, "runner": runner},
        )
        await connection.exec_driver_sql(
            "update kongflow_job set claimed_mono = :mono where runner = :runner",
            {"mono": BEYOND_ANY_UPTIME - int(ran_for * 1000), "runner": runner},
        )


@pytest.mark.parametrize(("ran_for", "end"), [(5.0, "ready"), (1_000.0, "retrying")])
async def test_a_runner_of_an_earlier_boot_is_gone(stage: Stage, ran_for: float, end: str) -> None:
    before, after = await stage.runner("work"), await stage.runner("work")
    job = await stage.add()
    await stage.claim(before)
    await reboot(stage, before, ran_for)
    assert [view.alive for view in await stage.store.runners()] == [False, True]
    assert await stage.store.rescue(after) == []
    stage.advance(POLL + 0.1)
    assert len(await stage.store.rescue(after)) == 1
    assert await stage.state(job.id) == end


async def test_a_runner_that_survived_is_of_this_boot_with_its_next_renewal(stage: Stage) -> None:
    before, after = await stage.runner("work"), await stage.runner("work")
    await reboot(stage, before, 5.0)
    assert await stage.store.rescue(after) == []
    stage.renew(before)
    stage.advance(LEASE / 2)
    assert await stage.store.rescue(after) == []
    assert [view.alive for view in await stage.store.runners()] == [True, True]


def test_the_clocks_are_the_same_for_every_process_of_the_host() -> None:
    script = "from kongflow.store.sqlite.clock import Clock; clock = Clock(); print(clock.boot, clock.monotonic())"
    earlier = Clock().monotonic()
    boot, monotonic = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    ).stdout.split()
    assert boot == Clock().boot
    assert earlier <= int(monotonic) <= Clock().monotonic()


def test_a_jump_of_the_wall_clock_leaves_the_other_clock_alone() -> None:
    clock = Clock()
    monotonic = clock.monotonic()
    clock.advance(3600.0, wall_only=True)
    assert clock.monotonic() - monotonic < 60_000
    assert clock.wall() - time.time() * 1000 == pytest.approx(3_600_000, abs=60_000)
    clock.advance(60.0, wall_only=False)
    assert clock.monotonic() - monotonic >= 60_000


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_wall_clock_that_jumps_an_hour_steals_nothing(stage: Stage, jump: float) -> None:
    busy, alive = await stage.runner("work"), await stage.runner("work")
    await stage.add()
    job = await stage.claim_one(busy)
    stage.advance(jump, wall_only=True)
    for _ in range(3):
        assert await stage.store.rescue(alive) == []
        stage.advance(POLL)
    assert not (await stage.end(busy, job)).lost


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_wall_clock_that_jumps_an_hour_strands_nothing(stage: Stage, jump: float) -> None:
    dead, alive = await stage.runner("work", queues={"mail": 1}), await stage.runner("work", queues={"mail": 1})
    ids = [job.id for job in await stage.store.insert([new(queue="mail") for _ in range(3)])]
    await stage.claim(dead)
    stage.advance(jump, wall_only=True)
    assert len(await stage.lose(dead, witness=alive)) == 1
    later = await stage.add(queue="mail")
    done: list[str] = []
    while jobs := await stage.claim(alive):
        done += [job.id for job in jobs]
        await stage.end(alive, jobs[0])
    assert sorted(done) == sorted([*ids, later.id])


async def test_a_monotonic_clock_that_went_back_is_another_boot_whatever_its_name(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "boot", "unknown")
    before = await stage.runner("work")
    job = await stage.add()
    await stage.claim(before)
    await stage.sql("update kongflow_runner set seen_mono = :mono", mono=BEYOND_ANY_UPTIME)
    after = await stage.runner("work")
    assert await stage.store.rescue(after) == []
    stage.advance(POLL + 0.1)
    assert [rescued.id for rescued in await stage.store.rescue(after)] == [job.id]


async def test_a_clock_that_is_set_ahead_costs_no_history(stage: Stage) -> None:
    runner = await stage.runner("work")
    added = await stage.add()
    await stage.end(runner, await stage.claim_one(runner), SUCCEEDED)
    stage.advance(400 * 86_400.0, wall_only=True)
    assert await stage.store.prune(10) == 0
    assert await stage.state(added.id) == "succeeded"
    stage.advance(-400 * 86_400.0, wall_only=True)
    stage.advance(8 * 86_400.0)
    assert await stage.store.prune(10) == 1


async def test_a_clock_that_is_set_back_keeps_the_history_for_longer(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add()
    await stage.end(runner, await stage.claim_one(runner), SUCCEEDED)
    stage.advance(-86_400.0, wall_only=True)
    stage.advance(7.5 * 86_400.0)
    assert await stage.store.prune(10) == 0
    stage.advance(86_400.0)
    assert await stage.store.prune(10) == 1

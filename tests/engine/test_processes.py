"""Real processes that are signalled and blocked; those of tests/acceptance are killed and frozen."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kongflow.core.job import JobState
from tests.engine.process import Processes
from tests.engine.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_drains_and_exits_0(tmp_path: Path, number: signal.Signals) -> None:
    async with Processes(tmp_path, shutdown_timeout=3600.0) as processes:
        added, runner = await processes.add_and_start("waits")
        runner.process.send_signal(number)
        stopping = await runner.until_told("runner.stopping")
        left = await processes.add("waits")
        processes.go()

        assert await runner.ended() == 0
        assert (stopping["why"], stopping["running"]) == (number.name, 1)
        assert (await processes.job(added)).state is JobState.SUCCEEDED
        assert (await processes.job(left)).state is JobState.READY


async def test_the_second_signal_skips_the_wait_and_releases_without_an_attempt(tmp_path: Path) -> None:
    async with Processes(tmp_path, shutdown_timeout=3600.0) as processes:
        added, runner = await processes.add_and_start("waits")
        runner.process.send_signal(signal.SIGINT)
        await runner.until_told("runner.stopping")
        runner.process.send_signal(signal.SIGINT)

        assert await runner.ended() == 0
        job = await processes.job(added)
        assert (job.state, job.attempt, job.crashes, job.claims) == (JobState.READY, 0, 0, 1)


async def test_the_third_signal_ends_the_process_at_once_with_130(tmp_path: Path) -> None:
    async with Processes(tmp_path, shutdown_timeout=3600.0) as processes:
        _, runner = await processes.add_and_start("blocks")

        def sent_and_ended() -> bool:
            runner.process.send_signal(signal.SIGTERM)  # those that are pending together are one signal
            return runner.process.poll() is not None

        await until(sent_and_ended)
        assert await runner.ended() == 130


async def test_a_thread_that_hangs_neither_keeps_the_process_nor_loses_its_job(tmp_path: Path) -> None:
    async with Processes(tmp_path, shutdown_timeout=4.0) as processes:
        added, runner = await processes.add_and_start("hangs")
        runner.process.terminate()

        assert await runner.ended() == 0
        job = await processes.job(added)
        assert (job.state, job.attempt, job.crashes) == (JobState.READY, 0, 0)


async def test_a_blocked_loop_does_not_outlive_its_shutdown_timeout(tmp_path: Path) -> None:
    async with Processes(tmp_path, shutdown_timeout=1.0) as processes:
        _, runner = await processes.add_and_start("blocks")
        runner.process.terminate()

        assert await runner.ended() == 1, "long before its stall_limit"
        assert "in blocks" in runner.events("runner.stalled")[0]["stacks"]


async def test_a_loop_that_stalls_ends_its_process_with_all_stacks_in_the_log(tmp_path: Path) -> None:
    async with Processes(tmp_path, stall_limit=0.5) as processes:
        added, runner = await processes.add_and_start("blocks")

        assert await runner.ended() == 1
        stalled = runner.events("runner.stalled")[0]
        assert stalled["blocked_for"] > 0.5
        assert "thread MainThread" in stalled["stacks"]
        assert "in blocks" in stalled["stacks"]
        assert (await processes.job(added)).state is JobState.RUNNING, "until another runner finds it dead"


async def test_a_stall_is_noticed_also_while_the_stalled_handler_has_the_file(tmp_path: Path) -> None:
    async with Processes(tmp_path, stall_limit=0.5, lease=3600.0) as processes:
        _, runner = await processes.add_and_start("blocks_with_a_lock")

        assert await runner.ended() == 1

"""Real processes that drain and that are blocked. Those of cli/test_runner_process get more signals than one; those of
tests/acceptance are killed and frozen.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kongflow.core.job import JobState
from tests.engine.process import Processes

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

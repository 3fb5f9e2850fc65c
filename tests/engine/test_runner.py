"""What a runner takes, refuses and hands to its handlers."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.catalog import Secret
from kongflow.core.job import JobState
from kongflow.core.task import Isolation
from kongflow.engine.context import JobContext, SyncJobContext
from kongflow.engine.events import JobRescued, JobStarted, LeaseExpiring
from kongflow.engine.job_log import JobFilter
from kongflow.errors import InvalidConfig, KongFlowError
from tests.builders import SHORT_LEASE
from tests.engine.site import open_site
from tests.engine.waiting import PATIENCE, until

pytestmark = pytest.mark.anyio


async def nothing(payload: Any) -> None: ...


def nothing_in_a_thread(payload: Any) -> None: ...


@pytest.mark.parametrize(
    ("run", "isolation", "words"),
    [
        (nothing_in_a_thread, Isolation.ASYNC, "is a plain function"),
        (nothing, Isolation.THREAD, "is a coroutine function"),
    ],
)
async def test_a_handler_that_cannot_run_where_its_task_wants_is_refused(
    tmp_path: Path, run: Any, isolation: Isolation, words: str
) -> None:
    with pytest.raises(InvalidConfig, match=words):
        async with open_site(tmp_path, {"work": {"run": run, "isolation": isolation}}):
            pass


async def test_a_secret_without_a_value_keeps_the_runner_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    async with open_site(tmp_path, {"work": {"run": nothing}}, secrets=(Secret("token", env="TOKEN"),)) as site:
        with pytest.raises(InvalidConfig, match="TOKEN is not set"):
            await site.run_all()
        assert await site.store.runners() == []


async def test_handlers_read_secrets_and_no_error_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-value")

    async def work(payload: Any, job: JobContext) -> None:
        raise ValueError(f"refused {job.secrets['token']}")

    tasks = {"work": {"run": work, "max_attempts": 1}}
    async with open_site(tmp_path, tasks, secrets=(Secret("token", env="TOKEN"),)) as site:
        added = await site.enqueue("work")
        await site.run_all()
        error = (await site.job(added)).error

    assert error is not None
    assert error.message == "refused ***"
    assert "s3cr3t-value" not in error.traceback
    assert "s3cr3t-value" not in repr(site.told)


async def test_a_handlers_log_lines_carry_its_job_on_the_loop_and_in_threads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_loop(payload: Any, job: JobContext) -> None:
        job.logger.warning("from the job's logger")
        logging.getLogger("shop").warning("from the loop")

    def in_thread(payload: Any, job: SyncJobContext) -> None:
        logging.getLogger("shop").warning("from a thread")

    caplog.handler.addFilter(JobFilter())
    async with open_site(tmp_path, {"on_loop": {"run": on_loop}, "in_thread": {"run": in_thread}}) as site:
        first, second = await site.enqueue("on_loop"), await site.enqueue("in_thread")
        await site.run_all()
        logging.getLogger("shop").warning("outside")

    ours = [record for record in caplog.records if record.name == "shop" or record.name.startswith("kongflow")]
    assert {record.message: getattr(record, "job", None) for record in ours} == {
        "from the job's logger": first, "from the loop": first, "from a thread": second, "outside": None,
    }  # fmt: skip


async def test_one_runner_runs_once_at_a_time(tmp_path: Path) -> None:
    async with open_site(tmp_path, {"work": {"run": nothing}}) as site:
        await site.start()
        with pytest.raises(KongFlowError, match="runs already"):
            await site.runner.run()


async def test_signals_are_put_back_after_the_run_and_left_alone_where_they_belong_to_the_application(
    tmp_path: Path,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    async def work(payload: Any) -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    async with open_site(tmp_path, {"work": {"run": work}}) as site:
        await site.enqueue("work")
        await site.runner.run(until_idle=True)
        await site.enqueue("work")
        await site.runner.run(until_idle=True, handle_signals=False)

    assert seen[0] is not before
    assert seen[1] is before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_runner_works_outside_of_the_main_thread(tmp_path: Path) -> None:
    summaries: list[Any] = []

    async def run() -> None:
        async with open_site(tmp_path, {"work": {"run": nothing}}) as site:
            await site.enqueue("work")
            summaries.append(await site.run_all())

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join(PATIENCE)

    assert summaries[0].succeeded == 1


async def test_a_lock_on_the_file_longer_than_the_lease_costs_no_job(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def work(payload: Any) -> str:
        await go_on.wait()
        return "untouched"

    async with open_site(tmp_path, {"work": {"run": work, "max_attempts": 1}}, runner=SHORT_LEASE) as site:
        added = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
        other.execute("begin immediate")
        locked = time.monotonic()
        await until(lambda: time.monotonic() - locked > 1.5 * SHORT_LEASE.lease)
        go_on.set()
        other.execute("rollback")
        other.close()
        job = await site.ended(added)

    assert (job.state, job.result, job.claims) == (JobState.SUCCEEDED, "untouched", 1)
    assert (site.of(LeaseExpiring), site.of(JobRescued)) == ([], [])

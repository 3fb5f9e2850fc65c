"""An end whose job somebody's open transaction holds waits alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import JobState
from kongflow.engine import shift
from kongflow.engine.events import JobStarted
from kongflow.store.records import Settlement
from tests.builders import QUICK
from tests.engine.site import open_site
from tests.engine.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("postgres")]


async def test_other_jobs_are_claimed_and_settled_meanwhile(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(payload: Any) -> str:
        await gate.wait()
        return "written later"

    async def quick(payload: Any) -> None: ...

    async with open_site(tmp_path, {"slow": {"run": slow}, "quick": {"run": quick}}) as site:
        held = await site.enqueue("slow")
        await site.start()
        await site.until_told(JobStarted)
        async with site.store.transaction() as connection:
            await connection.execute(text("select from kongflow.job for update"))
            gate.set()
            for _ in range(3):
                assert (await site.ended(await site.enqueue("quick"))).state is JobState.SUCCEEDED
            assert (await site.job(held)).state is JobState.RUNNING
        assert (await site.ended(held)).result == "written later"


async def test_a_stop_waits_for_an_end_that_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only in the last seconds, which are left for what must be cancelled."""
    monkeypatch.setattr(shift, "CANCEL_WINDOW", 0.0)
    gate, tries = asyncio.Event(), list[Settlement]()

    async def work(payload: Any) -> str:
        await gate.wait()
        return "written at last"

    patient = replace(QUICK, shutdown_timeout=3600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=patient) as site:
        settle = site.store.settle

        async def noted(runner: int, settlements: Sequence[Settlement]) -> Any:
            tries.extend(settlements)
            return await settle(runner, settlements)

        monkeypatch.setattr(site.store, "settle", noted)
        held = await site.enqueue("work")
        await site.start()
        await site.until_told(JobStarted)
        async with site.store.transaction() as connection:
            await connection.execute(text("select from kongflow.job for update"))
            gate.set()
            await until(lambda: len(tries) > 0)
            site.runner.request_stop()
            tried = len(tries)
            await until(lambda: len(tries) > tried + 2)
        assert site.running is not None
        summary = await site.running
        job = await site.job(held)

    assert (job.state, job.result, job.crashes) == (JobState.SUCCEEDED, "written at last", 0)
    assert (summary.exit_code, summary.succeeded) == (0, 1)

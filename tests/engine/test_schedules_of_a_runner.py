"""Schedules in a runner: from its start to its leaving."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schedule import EPOCH, Overlap
from kongflow.engine.events import RunnerStopping
from kongflow.engine.slot_events import SlotFired
from tests.engine.bench import TOLD, every
from tests.engine.site import open_site
from tests.engine.waiting import until_async

pytestmark = pytest.mark.anyio


async def test_a_runner_fires_its_schedules(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def work(payload: Any) -> None:
        seen.append(payload["ts"])

    often = every(0.2, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(often,)) as site:
        await site.start()
        await until_async(lambda: _are(seen, 3))
        await site.stop()

    assert len(set(seen)) == len(seen)
    assert all((datetime.fromisoformat(each) - EPOCH) % timedelta(seconds=0.2) == timedelta(0) for each in seen)


async def test_a_runner_that_drains_fires_until_it_leaves(tmp_path: Path) -> None:
    go_on, seen = asyncio.Event(), []

    async def work(payload: Any) -> None:
        seen.append(payload["ts"])
        await go_on.wait()

    often = every(0.2, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(often,)) as site:
        await site.start()
        await until_async(lambda: _are(seen, 1))
        stopping = asyncio.create_task(site.stop())
        await site.until_told(RunnerStopping)
        before = len(site.of(SlotFired))
        await site.until_told(SlotFired, before + 1)
        go_on.set()
        await stopping

        assert len({job.payload["ts"] for job in await site.jobs()}) == len(site.of(SlotFired))


async def test_a_run_until_idle_adds_no_slots(tmp_path: Path) -> None:
    async def work(payload: Any) -> None: ...

    often = every(0.2, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(often,)) as site:
        await site.run_all()

        assert (await site.store.timetable.states()).states == {}


async def _are(seen: list[Any], count: int) -> bool:
    return len(seen) >= count

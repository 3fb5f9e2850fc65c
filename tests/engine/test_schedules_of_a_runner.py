"""Schedules in a runner: from its start to its leaving."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.schedule import Overlap
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

    each_second = every(1.0, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(each_second,)) as site:
        await site.start()
        await until_async(lambda: _are(seen, 3))
        await site.stop()

    slots = [datetime.fromisoformat(each) for each in sorted(seen)]
    assert len(set(seen)) == len(seen)
    assert slots[2] - slots[0] == timedelta(seconds=2)


async def test_a_runner_that_drains_fires_until_it_leaves(tmp_path: Path) -> None:
    go_on, seen = asyncio.Event(), []

    async def work(payload: Any) -> None:
        seen.append(payload["ts"])
        await go_on.wait()

    each_second = every(1.0, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(each_second,)) as site:
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

    each_second = every(1.0, overlap=Overlap.ALLOW)
    async with open_site(tmp_path, {"work": {"run": work, "payload": TOLD}}, schedules=(each_second,)) as site:
        await site.run_all()

        assert (await site.store.timetable.states()).states == {}


async def _are(seen: list[Any], count: int) -> bool:
    return len(seen) >= count

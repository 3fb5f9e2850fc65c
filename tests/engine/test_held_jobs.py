"""An end whose job somebody's open transaction holds waits alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from kongflow.core.job import JobState
from kongflow.engine.events import JobStarted
from tests.engine.site import open_site

pytestmark = pytest.mark.anyio

ONLY_ON = ("postgres",)


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

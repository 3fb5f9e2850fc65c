"""Jobs that other processes add start before the next poll, where the database tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.job import JobState, NewJob
from kongflow.store.open import open_store
from tests.builders import QUICK
from tests.engine.site import open_site

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("postgres")]


@pytest.mark.parametrize("in_transaction", [False, True], ids=["by enqueue", "in a transaction"])
async def test_a_job_of_another_process_starts_without_a_poll(tmp_path: Path, in_transaction: bool) -> None:
    async def work(payload: Any) -> str:
        return "woken"

    never = replace(QUICK, poll_interval=3_600.0)
    async with open_site(tmp_path, {"work": {"run": work}}, runner=never) as site:
        other = open_store(site.catalog.database)
        await other.open()
        await site.start()
        if in_transaction:
            async with other.transaction() as connection:
                (job,) = await connection.run_sync(lambda sync: other.insert_in(sync, [NewJob("work", "{}")]))
        else:
            (job,) = await other.insert([NewJob("work", "{}")])
        assert (await site.ended(job.id)).state is JobState.SUCCEEDED
        await other.close()

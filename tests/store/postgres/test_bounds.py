"""What a resume or a deploy sets free is worked off in steps: no statement takes longer the more there is."""

from __future__ import annotations

import pytest

from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio

QUEUES, JOBS, MOST = 5, 1_500, 4_000


async def test_a_resume_makes_a_bounded_number_of_jobs_ready_at_once(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"free:*": None, "wide": 10_000})
    names = [(f"free:{n}", "free:*") for n in range(QUEUES)] + [("wide", "wide")] * 3
    for queue, rule in names:
        await stage.store.insert([new(queue=queue, rule=rule) for _ in range(JOBS)])
    for rule in ("free:*", "wide"):
        await stage.store.pause(rule, "", "ada")
    while await stage.sql("select count(*) from kongflow.job where state = 2"):
        assert await stage.claim(runner) == []
    for rule in ("free:*", "wide"):
        await stage.store.resume(rule)

    ready = 0
    while await stage.sql("select count(*) from kongflow.job where state = 3"):
        assert await stage.sql("select kongflow.put_right(100, clock_timestamp())") > 0
        before, ready = ready, await stage.sql("select count(*) from kongflow.job where state = 2")
        assert ready - before <= MOST + JOBS
    assert ready == len(names) * JOBS

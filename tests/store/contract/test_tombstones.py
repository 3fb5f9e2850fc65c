"""Tasks that are gone: their waiting jobs are cancelled, or routed anew under the new name."""

from __future__ import annotations

import pytest

from kongflow.core.outcome import RunAgain
from kongflow.store.records import Routed
from tests.store.stage import Stage, add_by_sql, new

pytestmark = pytest.mark.anyio


async def test_waiting_jobs_of_a_removed_task_are_cancelled(stage: Stage) -> None:
    runner = await stage.runner("gone", "work")
    running = await stage.add("gone")
    await stage.claim(runner)
    waiting = [(await stage.add("gone", **fields)).id for fields in ({}, {"delay": 60.0}, {"key": "k"})]
    by_sql = await add_by_sql(stage, "gone")
    other = await stage.add("work")
    assert await stage.store.bury({"gone": None}) == 4
    assert [await stage.state(id) for id in [*waiting, by_sql]] == ["cancelled: removed"] * 4
    assert [await stage.state(job.id) for job in (running, other)] == ["running", "ready"]
    assert await stage.store.bury({"gone": None}) == 0


async def test_waiting_jobs_of_a_renamed_task_are_routed_anew_under_the_new_name(stage: Stage) -> None:
    runner = await stage.runner("new", queues={"mail": 1})
    job = await stage.add("old", queue="mail", priority=3, key="k", tags=("t",))
    assert await stage.store.bury({"old": "new"}) == 1
    by_sql = await add_by_sql(stage, "new")
    unrouted, plain = await stage.store.unrouted(runner, 10)
    assert (unrouted.id, unrouted.task, unrouted.was_rendered) == (job.id, "new", True)
    assert (plain.id, plain.was_rendered) == (by_sql, False)
    assert (unrouted.options.queue, unrouted.options.priority, unrouted.options.job_key) == ("mail", 3, "k")
    await stage.store.route(runner, [Routed(job.id, new("new", queue="mail", key="k"))])
    assert (await stage.claim_one(runner)).task == "new"


async def test_a_renamed_job_that_was_tried_before_keeps_its_attempts(stage: Stage) -> None:
    runner = await stage.runner("old", "new")
    await stage.add("old", key="k")
    await stage.end(runner, await stage.claim_one(runner), RunAgain(0.0))
    await stage.store.bury({"old": "new"})
    (unrouted,) = await stage.store.unrouted(runner, 10)
    assert unrouted.options.job_key == "k"
    await stage.store.route(runner, [Routed(unrouted.id, new("new", key="k"))])
    assert (await stage.claim_one(runner)).attempt == 2


async def test_more_jobs_than_one_transaction_moves_are_buried(stage: Stage) -> None:
    await stage.store.insert([new("gone") for _ in range(2_500)])
    assert await stage.store.bury({"gone": None}) == 2_500

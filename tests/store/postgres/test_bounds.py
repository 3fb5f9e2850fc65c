"""What a resume or a deploy sets free is worked off in steps: no statement takes longer the more there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from kongflow.core.queue import Queue
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


async def test_a_deploy_gives_queues_to_another_rule_without_moving_their_jobs_while_nobody_may_claim(
    stage: Stage,
) -> None:
    one = Queue("t:*", concurrency=1, max_active=1)
    old = await stage.runner("work", queues={"t:*": one})
    await stage.add(queue="t:busy", rule="t:*")
    assert len(await stage.claim(old)) == 1
    await stage.store.insert([new(queue=f"t:vip:{number:03}", rule="t:*") for number in range(25)])
    assert await stage.claim(old) == []
    waiting = "select count(*) from kongflow.job where lane = 't:*'"

    await stage.runner("work", queues={"t:*": one, "t:vip:*": Queue("t:vip:*", concurrency=1)})

    left = [await stage.sql(waiting)]
    while await stage.sql("select count(*) from kongflow.lane_check"):
        await stage.sql("select kongflow.put_right(10, clock_timestamp())")
        left.append(await stage.sql(waiting))
    assert left[0] == 25
    assert all(before - after <= 10 for before, after in pairwise(left))
    assert left[-1] == 0
    assert await stage.sql("select count(*) from kongflow.job where state = 2") == 25


async def test_many_notes_of_one_lane_do_not_keep_others_back(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"a": 1, "b": 1})
    await stage.store.insert([new(queue=name) for name in "ab" for _ in range(2)])
    await stage.claim(runner, limit=1)
    await stage.sql("update kongflow.job set state = 3, lane = queue where state = 2")
    await stage.sql("delete from kongflow.lane_check")
    await stage.sql("insert into kongflow.lane_check (lane) select 'a' from generate_series(1, 250)")
    await stage.sql("insert into kongflow.lane_check (lane) values ('b')")
    assert await stage.sql("select kongflow.put_right(100, clock_timestamp())") == 2
    assert await stage.sql("select count(*) from kongflow.job where state = 2 and queue = 'b'") == 1
    assert await stage.sql("select count(*) from kongflow.lane_check") == 0


async def test_what_is_left_is_judged_once_for_jobs_that_are_alike(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail:*": 1, "free": None}, serves=("mail:*",))
    await stage.store.insert([new(queue=queue, rule="mail:*") for queue in ("mail:a", "mail:b") for _ in range(1_000)])
    await stage.store.pause("free", "", "ada")

    async with stage.store.transaction() as connection:
        body = (await connection.exec_driver_sql("select prosrc from pg_proc where proname = 'pending'")).scalar_one()
        query = body.replace("p_runner", str(runner)).replace("p_shift", "interval '0'")
        plan = (await connection.exec_driver_sql(f"explain (analyze, format json) {query}")).scalar_one()[0]["Plan"]

    of_rules = [node for node in nodes(plan) if node.get("Relation Name") == "rule"]
    assert len(of_rules) == 2, "the rules are looked up in the statement itself, not by a function for each job"
    assert [node["Actual Loops"] for node in of_rules] == [2, 2]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)

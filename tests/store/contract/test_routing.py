"""Jobs that were added by SQL: unrouted until a runner that knows their task has validated and rendered them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kongflow.core.job import JobOptions, Reason
from kongflow.core.task import JobKeyMode, Keep
from kongflow.store.records import Routed
from kongflow.store.refusals import FIRST_REST
from tests.store.stage import FAILED, Stage, add_by_sql, new, refused

pytestmark = pytest.mark.anyio

REFUSED = replace(FAILED, reason=Reason.INVALID_PAYLOAD)


async def route(stage: Stage, runner: int, id: str, **fields: Any) -> None:
    """Route a job as a runner would."""
    assert await stage.store.route(runner, [Routed(id, new(payload='{"n":1}', **fields))]) == {id}


async def test_a_plain_insert_of_task_and_payload_is_enough(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.sql(f"insert into {stage.table('job')} (task, payload) values ('work', :payload)", payload='{"n":1}')
    assert await stage.state("1") == "unrouted"
    assert await stage.claim(runner) == []
    (job,) = await stage.store.unrouted(runner, 10)
    assert (job.id, job.task, job.payload, job.options) == ("1", "work", '{"n":1}', JobOptions())
    await route(stage, runner, job.id)
    assert [claimed.payload for claimed in await stage.claim(runner)] == [{"n": 1}]


async def test_the_options_of_the_insert_are_told(stage: Stage) -> None:
    runner = await stage.runner("work")
    options = {"queue": "mail", "priority": 2, "max_attempts": 3, "job_key": "k"}
    run_at = datetime.fromtimestamp(1.0, UTC) if stage.on_postgres else 1_000
    flags, tags = (["f"], []) if stage.on_postgres else ('["f"]', "[]")
    await add_by_sql(stage, **options, run_at=run_at, job_key_mode="preserve_run_at", flags=flags, tags=tags)
    (job,) = await stage.store.unrouted(runner, 10)
    told = job.options
    assert told.run_at is not None
    assert (told.run_at.timestamp(), told.queue, told.priority, told.max_attempts) == (1.0, "mail", 2, 3)
    assert (told.job_key, told.job_key_mode, told.flags, told.tags) == ("k", JobKeyMode.PRESERVE_RUN_AT, ("f",), ())


async def test_only_tasks_that_the_runner_knows_are_told_in_id_order_and_bounded(stage: Stage) -> None:
    runner = await stage.runner("work", "mail")
    ids = [await add_by_sql(stage, task) for task in ("work", "unknown", "mail", "work")]
    assert [job.id for job in await stage.store.unrouted(runner, 10)] == [ids[0], ids[2], ids[3]]
    assert [job.id for job in await stage.store.unrouted(runner, 2)] == [ids[0], ids[2]]


async def test_who_looks_again_goes_on_where_he_was_and_begins_anew_at_the_end(stage: Stage) -> None:
    runner = await stage.runner("work")
    ids = [await add_by_sql(stage) for _ in range(5)]
    looks = [[job.id for job in await stage.store.unrouted(runner, 2)] for _ in range(4)]
    assert looks == [ids[:2], ids[2:4], ids[4:], ids[:2]]


@pytest.mark.parametrize("payload", ["[1]", "null", '"text"', '{"a":1,"a":2}', "1e999", f'"{"x" * 2_000_000}"'])
async def test_any_json_can_stand_in_an_unrouted_row(stage: Stage, payload: str) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage, payload=payload)
    (job,) = await stage.store.unrouted(runner, 10)
    assert job.payload == payload
    assert (await stage.job(id)).state == "unrouted"
    assert await stage.store.route(runner, [Routed(id, None, REFUSED)]) == {id}
    assert await stage.state(id) == "failed: invalid_payload"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("priority", 40_000),
        ("queue", ""),
        ("job_key", "k" * 513),
        ("job_key_mode", "both"),
        ("max_attempts", 0),
        ("task", ""),
        ("state", 9),
    ],
)
async def test_what_no_runner_could_read_is_refused_at_the_door(stage: Stage, column: str, value: object) -> None:
    with pytest.raises(Exception, match=r"constraint|out of range"):
        await add_by_sql(stage, **{"task": "work", column: value})


async def test_a_failure_ends_the_job_as_its_task_keeps_it(stage: Stage) -> None:
    runner = await stage.runner("work")
    kept, dropped = await add_by_sql(stage), await add_by_sql(stage)
    results = [Routed(kept, None, REFUSED), Routed(dropped, None, REFUSED, keep=Keep.NONE)]
    assert await stage.store.route(runner, results) == {kept, dropped}
    assert [await stage.state(id) for id in (kept, dropped)] == ["failed: invalid_payload", "gone"]


async def test_a_job_is_routed_once(stage: Stage) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage)
    await route(stage, runner, id)
    assert await stage.store.route(runner, [Routed(id, None, REFUSED), Routed("99", new())]) == set()
    assert await stage.state(id) == "ready"


async def test_everything_that_was_rendered_is_stored(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 5})
    id = await add_by_sql(stage)
    rendered = new(
        payload='{"n":1,"default":2}',
        queue="mail",
        priority=4,
        max_attempts=6,
        flags=("f",),
        tags=("t",),
        key="k",
        delay=60.0,
    )
    assert await stage.store.route(runner, [Routed(id, rendered)]) == {id}
    job = await stage.job(id)
    assert (job.queue, job.priority, job.max_attempts, job.key) == ("mail", 4, 6, "k")
    assert (job.payload, job.flags, job.tags, job.state) == ({"n": 1, "default": 2}, ("f",), ("t",), "scheduled")


async def test_its_place_is_that_of_its_adding(stage: Stage) -> None:
    runner = await stage.runner("work", queues={"mail": 1})
    id = await add_by_sql(stage)
    stage.advance(10.0)
    await stage.add(queue="mail")
    await route(stage, runner, id, queue="mail")
    assert await stage.claim_ids(runner) == [id]


async def test_unrouted_jobs_can_be_cancelled_and_deleted(stage: Stage) -> None:
    runner = await stage.runner("work")
    first, second = await add_by_sql(stage), await add_by_sql(stage)
    cancelled = await stage.store.cancel(first)
    assert cancelled is not None
    assert (cancelled.state, cancelled.reason) == ("cancelled", "request")
    assert await stage.store.delete(second)
    assert await stage.store.unrouted(runner, 10) == []


# --- keys: the order of adding is the order of ids ---


async def test_a_routed_job_supersedes_an_older_one_that_waits(stage: Stage) -> None:
    runner = await stage.runner("work")
    old = await stage.add(key="k")
    id = await add_by_sql(stage)
    await route(stage, runner, id, key="k")
    assert [await stage.state(each) for each in (old.id, id)] == ["cancelled: superseded", "ready"]


async def test_a_routed_job_makes_an_older_one_that_runs_give_way(stage: Stage) -> None:
    runner = await stage.runner("work")
    await stage.add(key="k")
    old = await stage.claim_one(runner)
    id = await add_by_sql(stage)
    await route(stage, runner, id, key="k")
    await stage.end(runner, old, FAILED)
    assert await stage.state(old.id) == "cancelled: superseded"


@pytest.mark.parametrize("running", [True, False])
async def test_a_routed_job_gives_way_to_a_newer_one(stage: Stage, running: bool) -> None:
    runner = await stage.runner("work")
    id = await add_by_sql(stage)
    newer = await stage.add(key="k")
    if running:
        await stage.claim(runner)
    await route(stage, runner, id, key="k")
    assert await stage.state(id) == "cancelled: superseded"
    assert not (await stage.job(newer.id)).state.is_final


async def test_a_routed_job_that_dedupes_gives_way_to_any(stage: Stage) -> None:
    runner = await stage.runner("work")
    old = await stage.add(key="k")
    id = await add_by_sql(stage)
    await route(stage, runner, id, key="k", mode="unsafe_dedupe")
    assert [await stage.state(each) for each in (old.id, id)] == ["ready", "cancelled: superseded"]


async def test_a_routed_job_can_preserve_the_run_at_of_the_older_one(stage: Stage) -> None:
    runner = await stage.runner("work")
    old = await stage.add(key="k", delay=100.0)
    id = await add_by_sql(stage)
    await route(stage, runner, id, key="k", mode="preserve_run_at")
    job = await stage.job(id)
    assert (job.run_at, job.state) == (old.run_at, "scheduled")


async def test_of_two_routed_jobs_of_a_key_the_later_one_wins(stage: Stage) -> None:
    runner = await stage.runner("work")
    ids = [await add_by_sql(stage) for _ in range(2)]
    await stage.store.route(runner, [Routed(id, new(key="k")) for id in reversed(ids)])
    assert [await stage.state(id) for id in ids] == ["cancelled: superseded", "ready"]


async def test_one_that_the_database_refuses_to_route_is_left_and_named_and_all_others_are_routed(stage: Stage) -> None:
    runner = await stage.runner("work")
    bad, *good = ids = [await add_by_sql(stage) for _ in range(5)]
    for statement in refused(stage.on_postgres, bad, when="new.state > 0"):
        await stage.sql(statement)
    assert await stage.store.route(runner, [Routed(id, new()) for id in ids]) == set(good)
    (left,) = await stage.store.unrouted(runner, 10)
    assert left.id == bad
    assert left.refused is not None
    assert "not this one" in left.refused
    await stage.sql("drop trigger refusing" + (" on kongflow.job" if stage.on_postgres else ""))
    stage.advance(FIRST_REST / 1000)
    (again,) = await stage.store.unrouted(runner, 10)
    assert (again.id, again.refused) == (bad, None), "and is tried again"
    await route(stage, runner, bad)

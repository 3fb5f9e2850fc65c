"""A payload that the server cannot read any more: what its table keeps apart of long values has lost a part."""

from __future__ import annotations

import json
import random

import psycopg
import pytest
from sqlalchemy import text

from kongflow.store.records import Routed, Settlement
from tests.store.stage import SUCCEEDED, Stage, add_by_sql, new

pytestmark = pytest.mark.anyio

LONG = json.dumps({"x": random.Random(1).randbytes(10_000).hex()})


async def damage_oldest(stage: Stage) -> None:
    """Lose the payload that was written first. The server lets nobody do that to such a table while it knows it, and
    reads parts that are deleted until a vacuum has come by.
    """
    async with stage.store.transaction() as connection:
        kept_apart = (
            await connection.execute(
                text("select reltoastrelid::regclass::text from pg_class where oid = 'kongflow.job'::regclass")
            )
        ).scalar()
        await connection.execute(text("set local allow_system_table_mods = on"))
        for statement in (
            f"update pg_class set relkind = 'r' where oid = '{kept_apart}'::regclass",
            f"delete from {kept_apart} where chunk_id = (select min(chunk_id) from {kept_apart})",
            f"update pg_class set relkind = 't' where oid = '{kept_apart}'::regclass",
        ):
            await connection.execute(text(statement))
    with psycopg.connect(stage.settings.url, autocommit=True) as owner:
        owner.execute("vacuum kongflow.job")


async def test_its_job_is_put_off_and_its_queue_goes_on(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    bad, good = [(await stage.add(payload=LONG, queue="mail")).id for _ in range(2)]
    await damage_oldest(stage)
    claimed = await stage.store.claim(runner, 100, 100)
    assert [job.id for job in claimed.jobs] == [good]
    assert [(job.id, "chunk number" in job.why) for job in claimed.refused] == [(bad, True)]


async def test_it_is_not_handed_over_and_the_end_before_it_is_taken_without_it(stage: Stage) -> None:
    runner = await stage.runner(queues={"mail": 1})
    await stage.add(queue="mail")
    _, good = [(await stage.add(payload=LONG, queue="mail")).id for _ in range(2)]
    first = await stage.claim_one(runner)
    assert await stage.claim(runner) == []
    await damage_oldest(stage)
    (settled,) = await stage.store.settle(runner, [Settlement(first.id, first.lease, SUCCEEDED, next_of="mail")])
    assert (settled.lost, settled.next) == (False, None)
    assert await stage.claim_ids(runner) == [good]


async def test_an_unrouted_one_is_left_and_named_and_all_others_are_read(stage: Stage) -> None:
    runner = await stage.runner()
    bad, *good = [await add_by_sql(stage, payload=LONG, tags=["a"]) for _ in range(3)]
    await damage_oldest(stage)
    found = await stage.store.unrouted(runner, 10)
    assert [(job.id, job.refused is None, len(job.payload)) for job in found] == [
        (bad, False, 0),
        *((id, True, len(LONG)) for id in good),
    ]
    assert [job.options.tags for job in found] == [None, ("a",), ("a",)]
    assert await stage.store.route(runner, [Routed(id, new()) for id in good]) == set(good)

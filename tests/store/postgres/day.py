"""A day at work: whatever a producer, a runner and an operator ask of a store."""

from __future__ import annotations

from kongflow.core.job import JobState
from kongflow.store.records import JobFilter
from tests.store.stage import Stage, new


async def work_a_day(stage: Stage) -> None:
    """Do everything that leaves the clock alone, some of it more often than psycopg waits before it prepares."""
    store = stage.store
    await store.migrate()
    await store.check_name("shop")
    runner = await stage.runner("work", queues={"serial": 1})
    await stage.sql("insert into kongflow.job (task, payload) values ('work', '{}')")
    (unrouted,) = await store.unrouted(runner, 10)
    await store.insert([new(queue="serial", rule="serial", key=f"k{n % 3}") for n in range(9)])
    await store.insert([new() for _ in range(150)])
    async with store.transaction() as connection:
        await connection.run_sync(lambda sync: store.insert_in(sync, [new(key="mine")]))
        await connection.run_sync(lambda sync: store.dequeue_in(sync, "k2"))
    with store.sync_transaction() as connection:
        store.insert_in(connection, [new()])
    for _ in range(8):
        (job,) = await stage.claim(runner, 1)
        stage.renew(runner, [job.lease])
        assert await store.progress(job.id, job.lease, "1")
        assert not (await stage.end(runner, job)).lost
    await store.pause("serial", "why", "who")
    await store.resume("serial")
    await store.repair(runner, 10)
    await store.rescue(runner)
    await store.prune(10)
    await store.pending(runner)
    await store.cancel(unrouted.id)
    await store.count_jobs(JobFilter())
    await store.queue_counts()
    assert len((await store.list_jobs(JobFilter(states=frozenset({JobState.SUCCEEDED})), 100)).items) == 8
    await store.leave(runner)

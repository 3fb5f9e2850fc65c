"""Pausing: nothing of a queue or pattern starts, in the whole cluster, until it is resumed."""

from __future__ import annotations

import pytest

from tests.store.stage import Stage, new

pytestmark = pytest.mark.anyio

QUEUES = {"mail": 2, "runs:*": 1, "free": None}


async def test_nothing_of_a_paused_queue_starts_and_what_runs_goes_on(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new(queue="mail") for _ in range(4)])
    running = await stage.claim(runner, limit=1)
    await stage.store.pause("mail", "the provider is down", "ada")
    assert await stage.claim(runner) == []
    await stage.end(runner, running[0])
    assert await stage.claim(runner) == []
    assert await stage.store.resume("mail")
    assert len(await stage.claim(runner)) == 2


async def test_a_paused_pattern_holds_all_its_names(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.pause("runs:*", "maintenance", "ada")
    await stage.store.insert([new(queue=f"runs:{name}", rule="runs:*") for name in range(3)])
    mail = await stage.add(queue="mail")
    assert await stage.claim_ids(runner) == [mail.id]
    await stage.store.resume("runs:*")
    assert len(await stage.claim(runner)) == 3


async def test_one_name_of_a_pattern_can_be_paused_alone(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.pause("runs:1", "stuck", "ada")
    await stage.store.insert([new(queue=f"runs:{name}", rule="runs:*") for name in range(3)])
    assert [job.queue for job in await stage.claim(runner)] == ["runs:0", "runs:2"]


async def test_a_queue_without_a_limit_can_be_paused_too(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new(queue="free") for _ in range(3)])
    await stage.store.pause("free", "", "ada")
    assert await stage.claim(runner) == []
    await stage.store.resume("free")
    assert len(await stage.claim(runner)) == 3


async def test_another_process_obeys_at_once(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    other = await stage.another()
    await stage.store.insert([new(queue="mail")])
    await other.pause("mail", "", "ada")
    assert await stage.claim(runner) == []
    await other.resume("mail")
    assert len(await stage.claim(runner)) == 1


async def test_a_pause_outlives_all_runners_and_says_why(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.pause("mail", "the provider is down", "ada")
    await stage.store.pause("mail", "still down", "bob")
    await stage.store.leave(runner)
    later = await stage.runner("work", queues=QUEUES, config="another")
    await stage.add(queue="mail")
    assert await stage.claim(later) == []
    (pause,) = await stage.store.pauses()
    assert (pause.name, pause.reason, pause.author) == ("mail", "still down", "bob")
    assert pause.paused_at.utcoffset() is not None


async def test_resuming_what_is_not_paused_says_so(stage: Stage) -> None:
    assert not await stage.store.resume("mail")
    assert await stage.store.pauses() == []


async def test_a_paused_queue_asks_for_no_repair(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new(queue="mail") for _ in range(3)])
    await stage.store.pause("mail", "", "ada")
    await stage.claim(runner)
    assert await stage.store.repair(runner, 100) == 0
    assert await stage.claim(runner) == []


async def test_a_run_until_nothing_is_left_does_not_wait_for_the_end_of_a_pause(stage: Stage) -> None:
    runner = await stage.runner("work", queues=QUEUES)
    await stage.store.insert([new(queue="mail"), new(queue="runs:1", rule="runs:*"), new()])
    await stage.store.pause("mail", "", "ada")
    await stage.store.pause("runs:*", "", "ada")
    left = await stage.store.pending(runner)
    assert (left.now, left.later, left.others) == (1, 2, 0)

"""One truth for the cluster: the config that came last among those with a live runner."""

from __future__ import annotations

import pytest

from kongflow.core.queue import QueueRules
from tests.store.stage import Stage

pytestmark = pytest.mark.anyio


async def _limit(stage: Stage) -> int | None:
    rules = await stage.store.rules_in_force()
    return None if rules is None else rules.effective("mail").slots


async def test_before_any_runner_no_config_is_in_force(stage: Stage) -> None:
    assert await stage.store.rules_in_force() is None


async def test_the_rules_are_those_that_the_runner_brought(stage: Stage) -> None:
    await stage.runner(queues={"mail": 3, "runs:*": None})
    rules = await stage.store.rules_in_force()
    assert isinstance(rules, QueueRules)
    assert {name: queue.concurrency for name, queue in rules.queues.items()} == {"mail": 3, "runs:*": None}


async def test_a_config_comes_when_its_first_runner_starts(stage: Stage) -> None:
    await stage.runner(queues={"mail": 5})
    assert await _limit(stage) == 5
    await stage.runner(queues={"mail": 2})
    assert await _limit(stage) == 2


async def test_a_restart_beside_a_living_runner_of_the_same_config_changes_nothing(stage: Stage) -> None:
    first = await stage.runner(queues={"mail": 5})
    await stage.runner(queues={"mail": 5})
    await stage.runner(queues={"mail": 2})
    await stage.store.leave(first)
    await stage.runner(queues={"mail": 5})
    assert await _limit(stage) == 2


async def test_a_config_that_comes_back_after_its_last_runner_was_gone_comes_last(stage: Stage) -> None:
    first = await stage.runner(queues={"mail": 5})
    await stage.runner(queues={"mail": 2})
    await stage.store.leave(first)
    await stage.runner(queues={"mail": 5})
    assert await _limit(stage) == 5


async def test_when_its_last_runner_leaves_the_config_before_holds_again(stage: Stage) -> None:
    await stage.runner(queues={"mail": 5})
    second = await stage.runner(queues={"mail": 2})
    await stage.store.leave(second)
    assert await _limit(stage) == 5


async def test_when_its_last_runner_is_lost_the_config_before_holds_again(stage: Stage) -> None:
    first = await stage.runner(queues={"mail": 5})
    second = await stage.runner(queues={"mail": 2})
    await stage.lose(second, witness=first)
    assert await _limit(stage) == 5


async def test_with_no_runner_alive_the_last_config_holds(stage: Stage) -> None:
    first = await stage.runner(queues={"mail": 5})
    second = await stage.runner(queues={"mail": 2})
    await stage.store.leave(second)
    await stage.store.leave(first)
    assert await _limit(stage) == 2


async def test_runners_show_which_of_them_are_in_force(stage: Stage) -> None:
    old = await stage.runner("work", "mail", queues={"mail": 5}, serves=("mail",), forbids=("gpu",), pid=11)
    new = await stage.runner("work", queues={"mail": 2}, pid=12)
    await stage.add()
    await stage.claim(new)
    stage.advance(4.0)
    views = await stage.store.runners()
    assert [(view.id, view.pid, view.in_force, view.running) for view in views] == [
        (old, 11, False, 0),
        (new, 12, True, 1),
    ]
    assert (views[0].host, views[0].queues, views[0].tasks) == ("here", ("mail",), ("mail", "work"))
    assert views[0].forbidden_flags == ("gpu",)
    assert views[0].seen == pytest.approx(4.0, abs=3.9)
    assert views[0].alive


async def test_a_runner_that_left_is_not_registered(stage: Stage) -> None:
    runner = await stage.runner()
    await stage.store.leave(runner)
    await stage.store.leave(runner)
    assert await stage.store.runners() == []


async def test_a_runner_that_does_not_renew_is_shown_as_not_alive(stage: Stage) -> None:
    await stage.runner()
    stage.advance(16.0)
    assert [view.alive for view in await stage.store.runners()] == [False]

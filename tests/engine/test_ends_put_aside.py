"""What becomes of an end that was put aside when a runner stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kongflow.core.job import Reason
from kongflow.engine import settler as settler_module
from tests.engine.desk import Desk, Shelf
from tests.engine.waiting import PATIENCE, until

pytestmark = pytest.mark.anyio


async def test_who_waits_for_all_ends_has_those_tried_once_more_that_were_put_aside() -> None:
    shelf = Shelf()
    shelf.damaged = {"1", "2"}
    desk = Desk(shelf)

    async with desk.at_work():
        desk.put("1")
        desk.put("2")
        await until(lambda: desk.settler.aside == 2)
        shelf.damaged = {"1"}
        shelf.tries.clear()
        await asyncio.wait_for(desk.settler.flush(), PATIENCE)

    assert desk.written == ["2"]
    assert [tried.transition.reason for tried in shelf.tries if tried.id == "1"] == [None, Reason.ERROR]
    assert desk.settler.aside == 1


async def test_an_end_that_is_written_by_a_flush_is_not_written_again_when_its_time_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    shelf.damaged = {"1"}
    desk = Desk(shelf)
    loop, later = asyncio.get_running_loop(), list[Callable[[], None]]()

    def much_later(seconds: float, then: Callable[..., None], *args: Any) -> None:
        if seconds < settler_module.ASIDE:
            loop.call_soon(then, *args)
        else:
            later.append(lambda: then(*args))

    async with desk.at_work():
        monkeypatch.setattr(settler_module.asyncio, "get_running_loop", lambda: SimpleNamespace(call_later=much_later))
        desk.put("1")
        await until(lambda: len(later) == 1)
        shelf.damaged = set()
        await desk.settler.flush()
        later.pop()()
        desk.put("2")
        await asyncio.wait_for(desk.settler.flush(), PATIENCE)

    assert desk.written == ["1", "2"]
    assert shelf.batches == [["1"], ["2"]]

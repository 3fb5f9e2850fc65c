"""When a running job hears that somebody asked for its cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.catalog import RunnerSettings
from kongflow.core.job import Reason
from kongflow.engine import cancels
from kongflow.engine.cancels import watch_for_cancels
from kongflow.engine.events import JobStarted
from kongflow.errors import StoreBusy
from tests.engine.site import open_site
from tests.engine.waiting import until

pytestmark = pytest.mark.anyio

HOUR = 3600.0


class Desk:
    """A worker and its store. The first look at the store fails; the worker has nothing to do at first."""

    def __init__(self) -> None:
        self.idle_looks = 3
        self.looks = 0
        self.heard: list[frozenset[int]] = []

    @property
    def running(self) -> int:
        self.idle_looks -= 1
        return 0 if self.idle_looks >= 0 else 1

    async def asked_to_cancel(self, runner: int) -> frozenset[int]:
        assert self.idle_looks < 0
        self.looks += 1
        if self.looks == 1:
            raise StoreBusy("not now")
        return frozenset({runner + 1})

    def cancel(self, leases: frozenset[int]) -> None:
        self.heard.append(leases)


@contextmanager
def watching(desk: Any) -> Iterator[asyncio.Task[None]]:
    watch = asyncio.get_running_loop().create_task(watch_for_cancels(desk, 7, desk))
    try:
        yield watch
    finally:
        watch.cancel()


async def test_a_request_does_not_wait_for_a_renewal_nor_for_a_free_slot(tmp_path: Path) -> None:
    async def slow(payload: Any) -> None:
        await asyncio.Event().wait()

    settings = RunnerSettings(concurrency=1, poll_interval=HOUR, heartbeat=HOUR, lease=3 * HOUR)
    async with open_site(tmp_path, {"slow": {"run": slow}}, runner=settings) as site:
        added = await site.enqueue("slow")
        await site.start()
        await site.until_told(JobStarted)
        await site.store.cancel(added)
        assert (await site.ended(added)).reason == Reason.REQUEST


async def test_a_look_that_fails_is_made_up_for_by_the_next_one_and_an_idle_runner_does_not_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cancels, "LOOK_EVERY", 0.001)
    desk = Desk()
    with watching(desk) as watch:
        await until(lambda: bool(desk.heard) or watch.done())
    assert desk.heard[0] == {8}
    assert desk.looks >= 2

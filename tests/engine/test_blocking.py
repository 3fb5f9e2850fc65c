"""A handler that holds the event loop is named while it does; one that awaits never is, and nobody pays for it idle."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kongflow.engine.blocking import BEAT, LIMIT, Blocking
from kongflow.engine.events import Event, Events, JobStarted, RunnerBlocked
from tests.engine.site import Site, open_site
from tests.engine.waiting import PATIENCE, until

pytestmark = [pytest.mark.anyio, pytest.mark.only_on("sqlite")]


class Deaf:
    """Holds the thread that asks, until the runner has told of it; a runner that never does fails the job."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def hear(self, site: Site) -> None:
        """Let go when the event comes."""
        site.runner._events.add(lambda event: self._told.set() if isinstance(event, RunnerBlocked) else None)

    def hold_the_loop(self) -> None:
        if not self._told.wait(PATIENCE):
            raise TimeoutError("nobody told that the loop is blocked")


def held(site: Site) -> list[RunnerBlocked]:
    """Return what was told of the loop that the test has held; a busy machine may hold it, too."""
    return [told for told in site.of(RunnerBlocked) if "hold_the_loop" in told.stacks]


async def test_a_handler_that_holds_the_loop_is_named_with_its_stack_while_it_does(tmp_path: Path) -> None:
    deaf = Deaf()

    async def innocent(payload: Any) -> None:
        await asyncio.sleep(0.3)

    async def holds(payload: Any) -> None:
        await asyncio.sleep(0.01)
        deaf.hold_the_loop()

    async with open_site(tmp_path, {"holds": {"run": holds, "max_attempts": 1}, "innocent": {"run": innocent}}) as site:
        deaf.hear(site)
        added = await site.enqueue("holds")
        await site.enqueue("innocent")
        summary = await site.run_all()

    assert (summary.succeeded, summary.failed) == (2, 0)
    (told,) = held(site)
    assert told.job is not None
    assert (told.job.job, told.job.task, told.job.attempt) == (added, "holds", 1)
    assert told.blocked_for > 0


async def test_a_task_or_a_callback_of_a_handler_is_named_by_its_job(tmp_path: Path) -> None:
    in_task, in_callback = Deaf(), Deaf()

    async def starts_a_task(payload: Any) -> None:
        async def part() -> None:
            in_task.hold_the_loop()

        await asyncio.gather(part())

    async def leaves_a_callback(payload: Any) -> None:
        called = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: (in_callback.hold_the_loop(), called.set()))
        await called.wait()

    handlers = {"task": starts_a_task, "callback": leaves_a_callback}
    async with open_site(tmp_path, {name: {"run": run, "max_attempts": 1} for name, run in handlers.items()}) as site:
        for name, deaf in (("task", in_task), ("callback", in_callback)):
            deaf.hear(site)
            added = await site.enqueue(name)
            await site.run_all()
            assert [told.job.job for told in held(site) if told.job] == [added]
            site.told.clear()


async def test_an_idle_runner_and_one_whose_jobs_run_in_threads_have_no_beat(tmp_path: Path) -> None:
    go = threading.Event()

    def waits(payload: Any) -> None:
        go.wait(PATIENCE)

    async def awaits(payload: Any) -> None:
        await asyncio.sleep(0)

    async with open_site(tmp_path, {"waits": {"run": waits}, "awaits": {"run": awaits}}) as site:
        await site.start()
        assert site.runner._shift is not None
        blocking = site.runner._shift._heartbeat._blocking
        assert not blocking.is_beating
        await site.enqueue("waits")
        await site.until_told(JobStarted)
        assert not blocking.is_beating
        go.set()

        added = await site.enqueue("awaits")
        await site.ended(added)
        await until(lambda: not blocking.is_beating)


# --- when it tells, by a clock of the test's -------------------------------------------------------------------------


class Watched:
    """A loop whose time is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.told: list[Event] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.blocking = Blocking(Events(self.told.append))

    def look_after(self, seconds: float) -> float:
        self.now += seconds
        return self.blocking.look()


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


async def test_it_tells_once_when_the_limit_has_passed_and_not_before(watched: Watched) -> None:
    with watched.blocking:
        assert watched.look_after(BEAT) == math.inf, "the beat is not late"
        soon = watched.look_after(2 * BEAT)
        assert watched.told == []
        assert 0 < soon < LIMIT
        assert watched.look_after(soon - 0.01) > 0
        assert watched.told == []
        watched.look_after(0.2)
        assert [type(event) for event in watched.told] == [RunnerBlocked]
        assert watched.look_after(5.0) == math.inf

    assert len(watched.told) == 1


async def test_a_process_that_was_frozen_blocked_nothing(watched: Watched) -> None:
    with watched.blocking:
        soon = watched.look_after(3600.0)
        assert soon > 0
        watched.blocking._beat()  # the loop goes on, as soon as the process does
        watched.look_after(soon)

    assert watched.told == []


async def test_where_no_coroutine_runs_nothing_is_told(watched: Watched) -> None:
    with watched.blocking:
        pass
    watched.blocking._beat()

    assert watched.look_after(3600.0) == watched.look_after(3600.0) == math.inf
    assert watched.told == []

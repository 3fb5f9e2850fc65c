"""When a loop counts as stalled."""

import asyncio
import threading
import time

import pytest

from kongflow.engine.stall import Stall, all_stacks
from tests.engine.waiting import until

pytestmark = pytest.mark.anyio


async def test_a_loop_that_turns_is_never_still() -> None:
    stall = Stall(asyncio.get_running_loop(), 0.005)
    await until(lambda: stall._beats > 3)

    assert stall.seconds() == 0.0
    stall.stop()


async def test_a_loop_without_a_beat_is_still_for_as_long_as_it_was_watched() -> None:
    stall = Stall(asyncio.get_running_loop(), 10.0)
    stall.seconds()
    looked = time.monotonic()
    while time.monotonic() - looked < 0.02:
        stall.seconds()

    assert stall.seconds() >= 0.02
    stall.stop()


async def test_a_process_that_was_frozen_has_not_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    stall = Stall(asyncio.get_running_loop(), 0.5)
    stall.seconds()
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 3600)

    assert stall.seconds() < 1.1
    stall.stop()


def test_the_stacks_name_every_thread() -> None:
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait, name="a-thread-of-the-test", daemon=True)
    thread.start()

    stacks = all_stacks()
    waiting.set()

    assert "thread a-thread-of-the-test:" in stacks
    assert "test_the_stacks_name_every_thread" in stacks

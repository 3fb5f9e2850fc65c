"""Where plain functions run."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from kongflow.engine.threads import Threads
from tests.engine.waiting import PATIENCE

pytestmark = pytest.mark.anyio


async def test_calls_run_side_by_side_and_threads_are_used_again() -> None:
    threads = Threads(asyncio.get_running_loop())
    meeting = threading.Barrier(3, timeout=PATIENCE)
    names: list[str] = []

    def meet() -> None:
        meeting.wait()
        names.append(threading.current_thread().name)

    for _ in range(2):
        await asyncio.gather(*(threads.run(meet) for _ in range(3)))
    threads.close()

    assert len(names) == 6
    assert len(set(names)) == 3


async def test_they_are_daemons_so_that_one_that_hangs_does_not_keep_the_process() -> None:
    threads = Threads(asyncio.get_running_loop())

    ended = await threads.run(lambda: threading.current_thread().daemon)
    threads.close()

    assert ended.value is True


@pytest.mark.parametrize("error", [ValueError(), SystemExit(), KeyboardInterrupt(), StopIteration()])
async def test_whatever_a_call_raises_is_an_end_and_the_thread_lives_on(error: BaseException) -> None:
    threads = Threads(asyncio.get_running_loop())

    def fail() -> None:
        raise error

    ended = await threads.run(fail)
    again = await threads.run(lambda: "alive")
    threads.close()

    assert (ended.error, again.value) == (error, "alive")


async def test_a_call_sees_the_context_variables_of_its_caller() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    threads = Threads(asyncio.get_running_loop())
    variable.set("the caller's")

    ended = await threads.run(variable.get)
    threads.close()

    assert ended.value == "the caller's"

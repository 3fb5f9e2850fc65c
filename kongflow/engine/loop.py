"""The event loop of a process that does nothing but work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, but `sys.exit()` in a task that a handler has started ends that task and not the loop.

    asyncio lets SystemExit through at once, whoever raises it; the handler that waits for its task hears of it as well,
    so the loop can simply go on: one bad job is one bad job.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        while True:
            try:
                return loop.run_until_complete(task)
            except SystemExit:
                if task.done():
                    raise
            except KeyboardInterrupt:
                task.cancel()
                loop.run_until_complete(asyncio.wait({task}))
                raise

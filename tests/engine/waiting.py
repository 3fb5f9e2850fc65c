"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 60.0
"""How long a test waits for what must come, in seconds: a slow machine is no failure, a hanging test is one."""


async def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return as soon as the condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)


async def until_async(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """As `until`, for a condition that is awaited."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)

"""Shutdown: claim no more, drain, give the rest back, and be gone within `shutdown_timeout`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from kongflow.engine.settler import Settler
from kongflow.engine.stopping import Stopping
from kongflow.engine.worker import Worker

CANCEL_WINDOW = 5.0
"""Seconds at the end of `shutdown_timeout` in which jobs are cancelled and released; half of a shorter timeout."""


OBEYING = 0.25
"""Seconds that a hurried stop gives handlers to obey, and once more for child processes to die: a coroutine unwinds in
less, and nothing stops a thread.
"""


async def drain(
    worker: Worker, working: asyncio.Task[None], settler: Settler, stopping: Stopping, seconds: float
) -> None:
    """Claim no more and wait until the running jobs have ended and their ends are written, at most so long, and not at
    all where the stop is hurried.
    """
    worker.stop_claiming()
    if not worker.is_claiming:
        working.cancel()
    deadline = time.monotonic() + seconds
    await first_of(deadline, _ended(working), stopping.hurried.wait())
    await first_of(deadline, worker.drained(), stopping.hurried.wait())
    await first_of(deadline, settler.flush(), stopping.hurried.wait())


async def give_back(
    worker: Worker, working: asyncio.Task[None], settler: Settler, stopping: Stopping, seconds: float
) -> int:
    """Cancel what still runs and write every end, within so many seconds; return how many jobs run on regardless.

    A claim under way is waited for: what it still brings is given back, too, and counts as no crash. Handlers that do
    not obey are waited for unless the stop is hurried.
    """
    deadline = time.monotonic() + seconds
    if worker.is_claiming:
        await first_of(deadline - seconds / 2, _ended(working))
    if worker.running:
        worker.release_all()
        await first_of(deadline - seconds / 2, worker.drained(), _out_of_patience(stopping))
        worker.kill_all()
        await first_of(deadline - seconds / 4, worker.drained(), _out_of_patience(stopping))
    running_on = worker.running
    worker.abandon_all()
    await first_of(deadline, settler.flush())
    return running_on


async def first_of(deadline: float, *waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of several waits is over, or at the deadline (`time.monotonic()`)."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, _ = await asyncio.wait(
        tasks, timeout=max(0.0, deadline - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
    )
    for task in tasks:
        task.cancel()
    for task in done:
        task.result()


async def _out_of_patience(stopping: Stopping) -> None:
    await stopping.hurried.wait()
    await asyncio.sleep(OBEYING)


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait({task})

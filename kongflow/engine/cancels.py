"""Cancels: tells running attempts, within a second, that somebody asked for the cancel of their jobs."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from kongflow.engine.worker import Worker
from kongflow.errors import StoreError
from kongflow.store.base import Store

LOOK_EVERY = 0.9
"""Seconds between two looks, while anything runs."""


async def watch_for_cancels(store: Store, runner: int, worker: Worker) -> None:
    """Look for requests until cancelled. Apart from claims, which a runner without a free slot does not send, and from
    renewals, which write. Where a look fails, the next one sees what it missed; others tell that the database is away.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if worker.running:
            with suppress(StoreError):
                worker.cancel(await store.asked_to_cancel(runner))

"""A runner in a process of its own: claims, writes what it did to a ledger, settles, until nothing is left."""

from __future__ import annotations

import asyncio
import os
import sys

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from kongflow.store.records import Settlement
from tests.store.stage import SUCCEEDED, info

QUEUES = {"serial": 1, "double": 2, "runs:*": 1}


async def main(url: str, ledger: int) -> None:
    """Work until nothing is left that waits."""
    store = open_store(DatabaseSettings(url), 0.05)
    await store.open()
    runner = await store.join(info(queues=QUEUES, pid=os.getpid()))
    while len(await store.runners()) < 2:
        await asyncio.sleep(0.005)  # for the other process: both must be at work at the same time
    while (await store.pending(runner)).now:
        jobs = (await store.claim(runner, 5, 1)).jobs
        for job in jobs:
            os.write(ledger, f"start {job.queue} {job.id} {runner}\n".encode())
        await asyncio.sleep(0.001)
        for job in jobs:
            os.write(ledger, f"end {job.queue} {job.id} {runner}\n".encode())
        await store.settle(runner, [Settlement(job.id, job.lease, SUCCEEDED) for job in jobs])
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)))

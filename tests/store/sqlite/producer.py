"""A producer in a process of its own: adds jobs for ever, and tells each that was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys

from kongflow.core.catalog import DatabaseSettings
from kongflow.store.open import open_store
from tests.store.stage import new


async def main(url: str) -> None:
    """Add until killed."""
    store = open_store(DatabaseSettings(url))
    await store.open()

    async def produce() -> None:
        while True:
            (job,) = await store.insert([new()])
            os.write(1, f"{job.id}\n".encode())

    await asyncio.gather(*(produce() for _ in range(5)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

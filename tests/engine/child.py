"""A runner in a process of its own, for tests that kill, freeze and signal it: `python -m tests.engine.child FOLDER`.

FOLDER/child.json holds the runner's settings; what handlers do is one line each in FOLDER/ledger.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from kongflow.engine.client import Client
from kongflow.engine.context import JobContext
from kongflow.engine.events import Events
from kongflow.engine.logs import configure_logging, log_event
from kongflow.engine.runner import Runner
from kongflow.store.open import open_store
from tests.builders import make_catalog, make_handlers
from tests.engine.database import url_of
from tests.engine.process import settings_of

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()


def note(what: str) -> None:
    with (FOLDER / "ledger").open("a") as ledger:
        ledger.write(f"{what}\n")


async def waits(payload: Any, job: JobContext) -> str:
    """End when the file `go` is there."""
    note(f"start {job.id}")
    while not (FOLDER / "go").exists():
        await asyncio.sleep(0.01)
    note(f"end {job.id}")
    return f"{os.getpid()}"


async def blocks(payload: Any, job: JobContext) -> None:
    """Never return, on the loop."""
    note(f"start {job.id}")
    time.sleep(3600)


async def blocks_with_a_lock(payload: Any, job: JobContext) -> None:
    """Never return, on the loop, while a transaction keeps everybody out of the file."""
    note(f"start {job.id}")
    sqlite3.connect(FOLDER / "jobs.db", isolation_level=None).execute("begin immediate")
    time.sleep(3600)


async def main() -> None:
    settings = settings_of(FOLDER)
    tasks: dict[str, Any] = {name: {"max_attempts": 1} for name in ("waits", "blocks", "blocks_with_a_lock")}
    catalog = make_catalog(root=FOLDER, url=url_of(FOLDER), runner=settings, **tasks)
    handlers = make_handlers(waits=waits, blocks=blocks, blocks_with_a_lock=blocks_with_a_lock)
    store = open_store(catalog.database, settings.poll_interval)
    await store.open()
    await store.migrate()
    client = Client(catalog, store, lambda: None)
    summary = await Runner(catalog, handlers, store, client, events=Events(log_event)).run()
    sys.stderr.flush()
    os._exit(summary.exit_code)  # as a command would: a thread that hangs is no reason to stay


if __name__ == "__main__":
    configure_logging("json")
    asyncio.run(main())

"""A site: a real SQLite store, a catalog, handlers, and a runner whose events are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from kongflow.config.binding import Handler
from kongflow.core.catalog import Catalog
from kongflow.core.job import Job, JobState
from kongflow.core.json import Json
from kongflow.engine.client import Client, job_options
from kongflow.engine.events import Event, Events, RunnerStarted
from kongflow.engine.runner import Runner
from kongflow.engine.shift import RunSummary
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from tests.builders import make_catalog, make_handlers
from tests.engine.database import url_of
from tests.engine.waiting import PATIENCE, until, until_async

E = TypeVar("E", bound=Event)


class Site:
    """One runner on one store."""

    def __init__(self, catalog: Catalog, handlers: Mapping[str, Callable[..., Any] | Handler], store: Any) -> None:
        self.catalog = catalog
        self.store = store
        self.told: list[Event] = []
        self.client = Client(catalog, store, lambda: self.runner.wake())
        self.runner = Runner(catalog, make_handlers(**handlers), store, self.client, events=Events(self.told.append))
        self.running: asyncio.Task[RunSummary] | None = None

    async def start(self) -> None:
        """Start the runner in the background and return when it has begun."""
        self.running = asyncio.create_task(self.runner.run())
        await until(lambda: bool(self.of(RunnerStarted)) or self.stopped)
        if self.stopped:
            await self.running

    @property
    def stopped(self) -> bool:
        return self.running is None or self.running.done()

    async def stop(self, *, hurry: bool = False) -> RunSummary:
        """Stop the runner and return its summary."""
        assert self.running is not None
        self.runner.request_stop(hurry=hurry)
        return await self.running

    async def run_all(self) -> RunSummary:
        """Run until nothing is left, and for a minute at most."""
        return await asyncio.wait_for(self.runner.run(until_idle=True), PATIENCE)

    async def enqueue(self, task: str, payload: Json = None, **options: Any) -> str:
        job = await self.client.enqueue(task, payload if payload is not None else {}, job_options(options))
        return job.id

    async def job(self, id: str) -> Job:
        job: Job = await self.store.get(id)
        return job

    async def jobs(self) -> list[Job]:
        return list((await self.store.list_jobs(JobFilter(), 1000)).items)

    async def until_state(self, id: str, *states: JobState) -> Job:
        async def there() -> bool:
            return (await self.job(id)).state in states

        await until_async(there)
        return await self.job(id)

    async def ended(self, id: str) -> Job:
        """Return the job when it is final."""
        return await self.until_state(id, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]

    async def until_told(self, kind: type[E], count: int = 1) -> E:
        """Return the event when it has come."""
        await until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]


@asynccontextmanager
async def open_site(folder: Path, tasks: Mapping[str, Any], **options: Any) -> AsyncIterator[Site]:
    """Open a site in a folder. `tasks` are task fields by name, each with its `run`, the handler."""
    declared: dict[str, Any] = {name: {**fields} for name, fields in tasks.items()}
    handlers = {name: fields.pop("run") for name, fields in declared.items()}
    catalog = make_catalog(root=folder, url=url_of(folder), **options, **declared)
    store = open_store(catalog.database, catalog.runner.poll_interval)
    await store.open()
    try:
        await store.migrate()
        site = Site(catalog, handlers, store)
        try:
            yield site
        finally:
            if not site.stopped:
                await site.stop(hurry=True)
    finally:
        await store.close()

"""A scheduler on the bench: it ticks when a test says so, on a store whose clock the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kongflow.core.catalog import Catalog, content_hash
from kongflow.core.job import Job
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schedule import Every, Schedule
from kongflow.engine.events import Event, Events
from kongflow.engine.outage import Outage
from kongflow.engine.scheduler import Scheduler
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from tests.builders import make_catalog
from tests.engine.database import url_of
from tests.store.stage import Stage, info

QUARTER = timedelta(minutes=15)
TOLD = {"properties": {"ts": {"type": "string"}, "backfilled": {"type": "boolean"}}}


def every(seconds: float = 900.0, *, name: str = "report", task: str = "work", **options: Any) -> Schedule:
    payload = PayloadTemplate.parse(options.pop("payload", {}))
    return Schedule(name, Every(seconds), task, payload, **options)


@dataclass
class Bench:
    """A scheduler with its store; `told` are its events."""

    stage: Stage
    catalog: Catalog
    runner: int
    told: list[Event]
    scheduler: Scheduler
    woken: list[int]

    async def at(self, after: timedelta) -> datetime:
        """Move the clock to some time after the next quarter of an hour; return that quarter."""
        now = (await self.stage.store.timetable.states()).now
        quarter = Every(900.0).after(now)
        self.stage.advance((quarter + after - now).total_seconds())
        return quarter

    async def jobs(self) -> list[Job]:
        return list(reversed((await self.stage.store.list_jobs(JobFilter(), 1000)).items))

    async def payloads(self) -> list[Any]:
        return [job.payload for job in await self.jobs()]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    def deployed(self, *schedules: Schedule, runner: int | None = None) -> Bench:
        """The same with other schedules, as a runner of another process has them."""
        catalog = replace(self.catalog, schedules={each.name: each for each in schedules})
        return bench(self.stage, catalog, self.runner if runner is None else runner)


def bench(stage: Stage, catalog: Catalog, runner: int) -> Bench:
    told: list[Event] = []
    woken: list[int] = []
    events = Events(told.append)
    scheduler = Scheduler(catalog, stage.store, runner, Outage(events), events, lambda: woken.append(1))
    return Bench(stage, catalog, runner, told, scheduler, woken)


@asynccontextmanager
async def opened(folder: Path, *schedules: Schedule, seen: bool = True, **task: Any) -> AsyncIterator[Bench]:
    """A runner's scheduler that has seen its schedules a second after a quarter of an hour."""
    tasks = {"work": {"payload": TOLD, **task}, "picky": {"payload": {"required": ["id"]}}}
    catalog = make_catalog(root=folder, url=url_of(folder), schedules=schedules, **tasks)
    store = open_store(catalog.database, 1.0)
    await store.open()
    try:
        stage = Stage(catalog.database, store)
        runner = await store.join(info("work", "picky", config=content_hash(catalog.published())))
        made = bench(stage, catalog, runner)
        await made.at(timedelta(seconds=1))
        if seen:
            await made.scheduler.tick()
        yield made
    finally:
        await store.close()

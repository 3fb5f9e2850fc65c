"""Clockwork: runners on stores of their own, whose schedules fire on one database, and what came of their slots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from kongflow.core.job import Job
from kongflow.core.payload_template import PayloadTemplate
from kongflow.core.schedule import Catchup, CatchupPolicy, Every, Overlap, Schedule
from kongflow.store.base import Store
from kongflow.store.open import open_store
from kongflow.store.records import JobFilter
from tests.builders import make_catalog
from tests.engine.database import url_of
from tests.engine.site import Site
from tests.engine.waiting import until_async
from tests.storms.slots import Decided, decided_slots

TELLING = {"type": "object", "properties": {"ts": {"type": "string"}, "backfilled": {"type": "boolean"}}}
"""The schema of a payload that says of which slot it is."""


def make_schedule(name: str, every: float, **fields: Any) -> Schedule:
    """Return a schedule of the task `work`; `catchup` is a policy and a window, `payload` the templates."""
    fields["overlap"] = Overlap(fields.get("overlap", "allow"))
    if "catchup" in fields:
        policy, window = fields["catchup"]
        fields["catchup"] = Catchup(CatchupPolicy(policy), window)
    payload = PayloadTemplate.parse(fields.pop("payload", {}))
    return Schedule(name, Every(every), fields.pop("task", "work"), payload, **fields)


class Clockwork:
    """Runners on stores of their own, and the database that they share."""

    def __init__(self, sites: list[Site]) -> None:
        self.sites = sites

    @property
    def store(self) -> Store:
        store: Store = self.sites[0].store
        return store

    def advance(self, seconds: float, *, wall_only: bool = False) -> None:
        """Move the time, for everybody."""
        for site in self.sites:
            site.store.advance(seconds, wall_only=wall_only)

    async def start(self) -> None:
        for site in self.sites:
            await site.start()

    async def stop(self) -> None:
        for site in self.sites:
            if not site.stopped:
                await site.stop(hurry=True)

    async def now(self) -> datetime:
        return (await self.store.timetable.states()).now

    async def seen(self, *names: str) -> None:
        """Return when schedules were seen."""

        async def there() -> bool:
            return set(names) <= (await self.store.timetable.states()).states.keys()

        await until_async(there)

    async def decided(self, schedule: str | None = None) -> list[Decided]:
        found = await decided_slots(self.store)
        return [each for each in found if schedule in (None, each.schedule)]

    async def until_decided(self, schedule: str, count: int) -> list[Decided]:
        """Return the slots of a schedule when there are so many."""

        async def there() -> bool:
            return len(await self.decided(schedule)) >= count

        await until_async(there)
        return await self.decided(schedule)

    async def jobs(self, schedule: str | None = None) -> list[Job]:
        page = await self.store.list_jobs(JobFilter(), 10_000)
        return [job for job in reversed(page.items) if schedule in (None, job.schedule)]


@asynccontextmanager
async def open_clockwork(
    folder: Path, tasks: Mapping[str, Any], *schedules: Schedule, runners: int = 1
) -> AsyncIterator[Clockwork]:
    """Open runners that are not started. `tasks` are task fields by name, each with its `run`, the handler."""
    declared: dict[str, Any] = {name: {"payload": TELLING, **fields} for name, fields in tasks.items()}
    handlers = {name: fields.pop("run") for name, fields in declared.items()}
    catalog = make_catalog(root=folder, url=url_of(folder), queues={"one": 1}, schedules=schedules, **declared)
    clockwork = Clockwork([])
    async with AsyncExitStack() as stack:
        for _ in range(runners):
            store = open_store(catalog.database, catalog.runner.poll_interval)
            await store.open()
            stack.push_async_callback(store.close)
            clockwork.sites.append(Site(catalog, handlers, store))
        try:
            yield clockwork
        finally:
            await clockwork.stop()

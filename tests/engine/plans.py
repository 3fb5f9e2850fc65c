"""A database in which a configuration is in force, and plans of what comes next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kongflow.core.catalog import Catalog, DatabaseSettings
from kongflow.core.declaration import declaration
from kongflow.core.job import JobOptions
from kongflow.core.json import Json, canonical
from kongflow.core.new_job import new_job
from kongflow.engine.plan.change import Change, Kind, Plan
from kongflow.engine.plan.plan import make_plan
from kongflow.store.open import open_store
from tests.builders import make_catalog
from tests.engine.database import url_of
from tests.store.stage import Stage, info

LATER = JobOptions(delay=3600.0)


@dataclass
class Site:
    """A database in which a configuration is in force, or none."""

    stage: Stage
    catalog: Catalog

    async def runs(self, catalog: Catalog, **fields: Any) -> int:
        """Let a runner come."""
        return await self.stage.store.join(
            replace(
                info(*catalog.tasks, queues=catalog.queues.queues, serves=catalog.runner.queues, **fields),
                config_hash=catalog.config_hash,
                declared=canonical(declaration(catalog)),
            )
        )

    async def add(self, task: str, *payloads: Json, options: JobOptions = LATER) -> tuple[str, ...]:
        """Add jobs by the configuration that is in force."""
        jobs = [new_job(self.catalog, task, payload, options) for payload in payloads]
        return tuple(job.id for job in await self.stage.store.insert(jobs))

    async def plan(self, catalog: Catalog) -> Plan:
        """Plan a deploy."""
        return await make_plan(self.stage.store, catalog, [].append)

    async def changes(self, catalog: Catalog) -> list[Change]:
        """The changes of a deploy."""
        return list((await self.plan(catalog)).changes)

    async def change(self, catalog: Catalog, kind: Kind) -> Change:
        """The only change of a kind."""
        (found,) = (change for change in await self.changes(catalog) if change.kind is kind)
        return found


@asynccontextmanager
async def site(folder: Path, catalog: Catalog, *, in_force: bool = True) -> AsyncIterator[Site]:
    settings = DatabaseSettings(url_of(folder))
    store = open_store(settings)
    await store.open()
    place = Site(Stage(settings, store), catalog)
    if in_force:
        await place.runs(catalog)
    yield place
    await store.close()


def catalog(queues: Mapping[str, int | None] | None = None, **tasks: Any) -> Catalog:
    return make_catalog(queues=queues, **tasks)


def outline(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(str(change.kind), change.subject, str(change.effect)) for change in changes]

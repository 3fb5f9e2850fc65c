"""What a job's own transaction writes, for tests: rows of a table of their own, and jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.engine.site import Site, open_site

WRITE = "insert into effects (name) values (:name)"


async def nothing(payload: Any) -> None: ...


@asynccontextmanager
async def open_with_effects(folder: Path, run: Any, **fields: Any) -> AsyncIterator[Site]:
    async with open_site(
        folder, {"work": {"run": run, "max_attempts": 1, **fields}, "child": {"run": nothing}}
    ) as site:
        async with site.store.transaction() as connection:
            await connection.execute(text("create table effects (name text)"))
        yield site


async def effects(site: Site) -> list[str]:
    async with site.store.transaction() as connection:
        return [row[0] for row in await connection.execute(text("select name from effects order by name"))]


async def children(site: Site) -> int:
    return len([job for job in await site.jobs() if job.task == "child"])

"""Who waits for whom, on PostgreSQL: so that tests let things meet without a clock."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from catalog.app.database import begin

WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


async def until_somebody_waits() -> None:
    """Return when a transaction waits for a lock of another one."""
    async with asyncio.timeout(60):
        while True:
            async with begin() as session:
                if (await session.execute(text(WAITING))).scalar_one():
                    return
            await asyncio.sleep(0.01)

"""`kongflow db upgrade`: apply what is missing, under a lock; several at once do it once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, load_catalog
from kongflow.cli.output import note
from kongflow.store.records import SchemaStatus


@click.command(
    "upgrade",
    epilog=epilogue(
        """
        kongflow db upgrade
        """,
        DATABASE,
    ),
)
@config_option
def command(config: Path) -> None:
    """Apply every missing migration.

    Runners of this release and of newer ones go on meanwhile.
    """
    before, after = asyncio.run(_upgrade(config))
    if before.current == after.current:
        note(f"the tables are up to date, at {after.current}")
    else:
        note(f"upgraded the tables from {before.current or 'nothing'} to {after.current}")


async def _upgrade(config: Path) -> tuple[SchemaStatus, SchemaStatus]:
    from kongflow.store.open import open_store

    catalog = load_catalog(config)
    store = open_store(catalog.database)
    await store.open()
    try:
        before, after = await store.schema_status(), await store.migrate()
        await store.check_name(catalog.name)
        return before, after
    finally:
        await store.close()

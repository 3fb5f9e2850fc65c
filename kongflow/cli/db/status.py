"""`kongflow db status`: are the tables those of this release? Changes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from kongflow.cli.options import DATABASE, config_option, epilogue, json_option, load_catalog
from kongflow.cli.output import emit_json, note
from kongflow.errors import SchemaMissing, SchemaOutOfDate
from kongflow.store.records import SchemaStatus


@click.command(
    "status",
    epilog=epilogue(
        """
        kongflow db status
        kongflow db status --json
        """,
        DATABASE,
    ),
)
@json_option
@config_option
def command(as_json: bool, config: Path) -> int:
    """Compare the tables with this release; exit 4 if they differ."""
    status = asyncio.run(_status(config))
    if as_json:
        emit_json(
            {
                "current": status.current,
                "head": status.head,
                "compatible": status.compatible,
                "up_to_date": status.up_to_date,
            }
        )
    else:
        click.echo(f"{'current':<9} {status.current or 'no tables yet'}")
        click.echo(f"{'release':<9} {status.head}")
        note(_verdict(status))
    return 0 if status.up_to_date else SchemaOutOfDate.exit_code


async def _status(config: Path) -> SchemaStatus:
    from kongflow.store.open import open_store
    from kongflow.store.releases import status_of

    store = open_store(load_catalog(config).database)
    try:
        await store.open(looking=True)
        return await store.schema_status()
    except SchemaMissing:
        return status_of(None, None)
    finally:
        await store.close()


def _verdict(status: SchemaStatus) -> str:
    if status.up_to_date:
        return "the tables are up to date"
    if status.compatible:
        return "the tables differ from this release, and it works with them"
    if status.current is None:
        return "there are no tables yet: `kongflow db upgrade` makes them"
    return "the tables are out of date: run `kongflow db upgrade`"

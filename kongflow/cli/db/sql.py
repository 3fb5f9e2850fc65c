"""`kongflow db sql`: the tables as SQL, for those who let nobody but themselves change a database."""

from __future__ import annotations

from pathlib import Path

import click

from kongflow.cli.options import CONFIG, config_option, epilogue, load_catalog


@click.command(
    "sql",
    epilog=epilogue(
        """
        kongflow db sql > tables.sql
        kongflow db sql | psql --set ON_ERROR_STOP=1 postgresql://owner@db.internal/shop
        """,
        CONFIG,
    ),
)
@config_option
def command(config: Path) -> None:
    """Print the SQL that makes the tables; connects to nothing.

    For an empty database of the kind that database.url names, in one transaction: tables, functions, version stamp, and
    the name of the deployment. `kongflow db status` then says that they are up to date.
    """
    from kongflow.store.open import schema_sql

    catalog = load_catalog(config)
    click.echo(schema_sql(catalog.database, catalog.name), nl=False)

"""`python -m catalog.app`: create the application's tables, register an endpoint, see what was indexed, steer runs."""

from __future__ import annotations

import asyncio
import os

import click
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from catalog.app.database import DatabaseUnavailable, begin
from catalog.app.endpoints import (
    EndpointLine,
    InvalidEndpoint,
    NewEndpoint,
    add_endpoint,
    list_endpoints,
)
from catalog.app.migrate import TablesMissing
from catalog.app.models import EnvironmentType
from catalog.app.run_commands import runs, test


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """The application's tables, in the database of kongflow.yaml (KONGFLOW_DATABASE_URL)."""


main.add_command(runs)
main.add_command(test)


@main.command("create-tables")
def create_tables() -> None:
    """Create the tables, or migrate those of an older release. On SQLite this happens by itself."""
    asyncio.run(_create())
    click.echo("the application's tables are there", err=True)


@main.command("add-endpoint")
@click.argument("url")
@click.option(
    "--api-key", envvar="TRIGGER_API_KEY", required=True, help="What the endpoint expects. [env: TRIGGER_API_KEY]"
)
@click.option("--slug", default="default", show_default=True, help="Name of the endpoint in its environment.")
@click.option("--environment", type=click.Choice(tuple(EnvironmentType)), default="PRODUCTION", show_default=True)
@click.option("--project", default="reference", show_default=True)
@click.option("--organization", default="reference", show_default=True)
def add(url: str, api_key: str, slug: str, environment: str, project: str, organization: str) -> None:
    """Register the endpoint at URL, or update it, and print its id."""
    try:
        new = NewEndpoint(url, api_key, slug, EnvironmentType(environment), project, organization)
        new.check_address(os.environ)
    except InvalidEndpoint as problem:
        raise click.UsageError(str(problem)) from None
    try:
        endpoint = asyncio.run(_add(new))
    except IntegrityError:
        raise click.UsageError("another environment has this API key; every environment has its own") from None
    click.echo(endpoint)
    click.echo(f"""→ kongflow enqueue indexEndpoint '{{"id": "{endpoint}"}}'""", err=True)


@main.command("endpoints")
def endpoints() -> None:
    """List the endpoints: id, environment, slug, URL and the newest index."""
    for line in asyncio.run(_list()):
        click.echo(f"{line.id}  {line.environment}  {line.slug}  {line.url}  {_indexed(line)}")


def _indexed(line: EndpointLine) -> str:
    if line.indexed_at is None:
        return "never indexed"
    counts = [(line.jobs, "job"), *([(line.issues, "issue")] if line.issues else [])]
    offered = ", ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in counts)
    return f"{line.indexed_at:%Y-%m-%d %H:%M:%S}Z  {offered}"


async def _create() -> None:
    async with begin(tables=True):
        pass


async def _add(new: NewEndpoint) -> str:
    async with begin(tables=True) as session:
        return await add_endpoint(session, new)


async def _list() -> list[EndpointLine]:
    async with begin() as session:
        return await list_endpoints(session)


if __name__ == "__main__":
    try:
        main()
    except TablesMissing as problem:
        raise SystemExit(f"error: {problem}") from None
    except (DatabaseUnavailable, SQLAlchemyError, OSError) as problem:
        # The driver's own words, without SQLAlchemy's wrapping, where there are any.
        raise SystemExit(f"error: the database cannot be used: {getattr(problem, 'orig', None) or problem}") from None

"""`kongflow config`: the configuration as it is understood, every default filled in, nothing secret in it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from kongflow.cli.options import CONFIG, MASK, config_option, epilogue, json_option, masked_url
from kongflow.cli.output import emit_items, emit_json, escape, print_table
from kongflow.cli.resolved import resolve, values_in
from kongflow.cli.resolved_yaml import as_yaml, as_yaml_with
from kongflow.config.findings import Severity
from kongflow.config.load import load, load_both
from kongflow.config.origins import Origin, origin_of
from kongflow.config.project import Project
from kongflow.config.report import text_report
from kongflow.config.variables import Use, uses_of
from kongflow.core.json import Json, path_of
from kongflow.errors import ConfigFindings


@click.command(
    "config",
    epilog=epilogue(
        """
        kongflow config
        kongflow config --origin
        kongflow config --origin --json | jq '.origins["$.tasks.greet.timeout"]'
        kongflow config --variables
        """,
        CONFIG,
    ),
)
@click.option("--origin", is_flag=True, help="Say where each value is written, and why it counts there.")
@click.option("--variables", is_flag=True, help="List the variables that it uses instead, and whether they are set.")
@json_option
@config_option
def command(origin: bool, variables: bool, as_json: bool, config: Path) -> None:
    """Show the configuration with every default filled in.

    Secrets and passwords in URLs are masked.
    """
    if origin and variables:
        raise click.UsageError("--origin and --variables are two questions; ask one")
    if variables:
        _show_variables(_uses(config), as_json)
        return
    catalog, project = load_both(config, os.environ)
    resolved = resolve(catalog)
    if as_json:
        emit_json({**resolved, "origins": _origins(resolved, project)} if origin else resolved)
    elif origin:
        click.echo(as_yaml_with(resolved, lambda path: str(origin_of(project, path))), nl=False)
    else:
        click.echo(escape(as_yaml(resolved), keep_layout=True), nl=False)


def _origins(resolved: Json, project: Project) -> dict[str, Json]:
    return {path_of(path): _origin_json(origin_of(project, path)) for path in values_in(resolved)}


def _origin_json(origin: Origin) -> Json:
    place = origin.place
    return {
        "origin": str(origin),
        "file": None if place is None else place.file,
        "line": None if place is None else place.span.line,
        "column": None if place is None else place.span.col,
        "through": origin.through or None,
        "variables": [{"name": use.name, "set": use.is_set} for use in origin.variables],
    }


# --- variables -------------------------------------------------------------------------------------------------------


def _uses(config: Path) -> tuple[Use, ...]:
    """Return the variables of a configuration, also where some are missing. Raises: ConfigFindings for all else."""
    loaded = load(config, env=os.environ, tries_next=False)
    others = [found for found in loaded.findings if found.severity is Severity.ERROR and found.slug != "env-missing"]
    if loaded.catalog is None and others:
        raise ConfigFindings(text_report(loaded.findings, loaded.texts))
    return uses_of(loaded.project)


def _show_variables(uses: tuple[Use, ...], as_json: bool) -> None:
    if as_json:
        emit_items([_use_json(use) for use in uses])
        return
    rows = [
        (use.name, "yes" if use.is_set else "no", "-" if use.default is None else _shown(use) or '""', str(use.place))
        for use in uses
    ]
    print_table(("VARIABLE", "SET", "DEFAULT", "USED AT"), rows)


def _use_json(use: Use) -> Json:
    place = {"file": use.place.file, "line": use.place.span.line, "column": use.place.span.col}
    default = None if use.default is None else _shown(use)
    return {"name": use.name, "set": use.is_set, "default": default, "path": path_of(use.path), **place}


def _shown(use: Use) -> str:
    """Return the default of a variable, masked where it is a secret or may be one: a part of the database's URL."""
    default = use.default or ""
    is_secret = use.path[0] == "secrets" or (use.path == ("database", "url") and not use.is_whole)
    return MASK if default and is_secret else masked_url(default)

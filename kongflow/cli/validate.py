"""`kongflow validate`: check kongflow.yaml and everything that it names, without importing handlers or a database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from kongflow.cli.next_slots import next_lines, next_slots
from kongflow.cli.options import CONFIG, ConfigPath, config_option, epilogue, read_stdin
from kongflow.cli.output import stdout_on_stderr
from kongflow.config.findings import Finding, has_errors
from kongflow.config.load import Loaded, load
from kongflow.config.report import github_report, json_report, text_report
from kongflow.config.versions import Version, version_at

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_ONE = {
    "tasks": "task",
    "queues": "queue",
    "retry policies": "retry policy",
    "schedules": "schedule",
    "files": "file",
}
_EXAMPLES = """
kongflow validate
kongflow validate deploy/kongflow.yaml --strict
kongflow validate --import --format json
kongflow validate --against git:main
kongflow validate --no-env --format github
git show HEAD:kongflow.yaml | kongflow validate -
"""


@click.command("validate", epilog=epilogue(_EXAMPLES, CONFIG))
@config_option
@click.argument("path", required=False, type=ConfigPath())
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    help="How findings are printed. [default: text; github inside GitHub Actions]",
)
@click.option("--import", "imports", is_flag=True, help="Import every handler too, as `run` does.")
@click.option(
    "--against",
    metavar="git:REF|PATH",
    help="Compare with another version too: what of its jobs and runners would this one strand?",
)
@click.option("--no-env", is_flag=True, help="Look up no variable; one without a default is taken to fit.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    path: Path | None,
    form: str | None,
    imports: bool,
    against: str | None,
    no_env: bool,
    strict: bool,
) -> int:
    """Check kongflow.yaml and everything that it names: files, names, schemas, templates, handlers, schedules.

    It also says when the next slot of each schedule is. PATH - is standard input, with paths from the working
    directory. Handlers are found by reading their source; nothing is imported without --import.
    """
    if path is not None and ctx.get_parameter_source("config") is ParameterSource.COMMANDLINE:
        raise click.UsageError("give PATH or -c, not both")
    source, data = path or config, None
    if source == Path("-") and against is not None:
        raise click.UsageError("--against compares files; standard input has no other version")
    if source == Path("-"):
        source, data = Path("<stdin>"), read_stdin()
    now = datetime.now(UTC)
    # What an imported module prints is no finding.
    with stdout_on_stderr(), _version(against, source) as version:
        loaded = load(
            source,
            env=os.environ,
            use_env=not no_env,
            strict=strict,
            imports=imports,
            data=data,
            now=now,
            against=version,
        )
    if form is None:
        form = "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"
    _print(loaded, source, form, now)
    return 1 if has_errors(loaded.findings) else 0


def _version(against: str | None, config: Path) -> AbstractContextManager[Version | None]:
    return nullcontext() if against is None else version_at(against, config)


def _print(loaded: Loaded, path: Path, form: str, now: datetime) -> None:
    slots = [] if loaded.catalog is None else next_slots(loaded.catalog.schedules.values(), now)
    if form == "json":
        click.echo(json_report(loaded.findings, [slot.shape() for slot in slots]))
    elif form == "github":
        click.echo(github_report(loaded.findings), nl=bool(loaded.findings))
    else:
        _print_text(loaded.findings, loaded, path)
        for line in next_lines(slots, now):
            click.echo(line)


def _print_text(findings: Sequence[Finding], loaded: Loaded, path: Path) -> None:
    if findings:
        click.echo(text_report(findings, loaded.texts, _style))
    if not has_errors(findings):
        counts = " · ".join(_count(number, what) for what, number in loaded.counts.items() if number)
        click.echo(f"{click.style('✓', fg='green')} {path}: {counts}")


def _count(number: int, what: str) -> str:
    return f"{number} {_ONE[what] if number == 1 else what}"


def _style(role: str, text: str) -> str:
    if role == "dim":
        return click.style(text, dim=True)
    return click.style(text, bold=True) if role == "place" else click.style(text, fg=_COLOURS[role], bold=True)

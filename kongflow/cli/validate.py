"""`kongflow validate`: check kongflow.yaml and everything that it names, without importing handlers or a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from kongflow.cli.next_slots import NextSlot, next_lines, next_slots
from kongflow.cli.options import CONFIG, ConfigPath, config_option, epilogue, json_option, read_stdin
from kongflow.cli.output import stdout_on_stderr
from kongflow.cli.outputs import Output, append_summary, chosen, deliver, output_option
from kongflow.config.findings import Finding, Severity, any_as_grave
from kongflow.config.formats.github import MAX_SUMMARY, github_report, github_summary
from kongflow.config.formats.gitlab import gitlab_report
from kongflow.config.formats.json_object import json_report
from kongflow.config.formats.repository import seen_from_root
from kongflow.config.formats.sarif import sarif_report
from kongflow.config.importing import Importer
from kongflow.config.load import Loaded, load
from kongflow.config.report import text_report
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
kongflow validate --no-env --fail-on warning
kongflow validate --against git:main
kongflow validate -o text -o sarif=kongflow.sarif
kongflow validate -o text -o gitlab=gl-code-quality-report.json
git show HEAD:kongflow.yaml | kongflow validate -
"""


@click.command("validate", epilog=epilogue(_EXAMPLES, CONFIG))
@config_option
@click.argument("path", required=False, type=ConfigPath())
@output_option
@json_option
@click.option(
    "--import", "imports", is_flag=True, help="Import every handler too, as `run` does, in a process of its own."
)
@click.option(
    "--against",
    metavar="git:REF|PATH",
    help="Compare with another version too: what of its jobs and runners would this one strand?",
)
@click.option("--no-env", is_flag=True, help="Look up no variable; one without a default is taken to fit.")
@click.option("--strict", is_flag=True, help="Warnings are errors, as with `lint.strict`.")
@click.option(
    "--fail-on",
    type=click.Choice([str(severity) for severity in Severity]),
    default=str(Severity.ERROR),
    show_default=True,
    help="The least grave finding that makes it exit code 1.",
)
@click.option(
    "--max-findings",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Findings in the text; of more, the gravest. Other formats have all.",
)
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    path: Path | None,
    outputs: Sequence[Output],
    as_json: bool,
    imports: bool,
    against: str | None,
    no_env: bool,
    strict: bool,
    fail_on: str,
    max_findings: int,
) -> int:
    """Check kongflow.yaml and everything that it names: files, names, schemas, templates, handlers, schedules.

    It also says when the next slot of each schedule is. PATH - is standard input, with paths from the working
    directory. Handlers are found by reading their source; nothing is imported without --import.
    """
    if path is not None and ctx.get_parameter_source("config") is ParameterSource.COMMANDLINE:
        raise click.UsageError("give PATH or -c, not both")
    outputs = chosen(outputs, as_json=as_json)
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
            importer=_importer() if imports else None,
            data=data,
            now=now,
            against=version,
        )
    slots = [] if loaded.catalog is None else next_slots(loaded.catalog.schedules.values(), now)
    failed = any_as_grave(loaded.findings, Severity(fail_on))
    report = _Report(str(source), loaded, slots, now, failed, max_findings)
    if any(output.form == "github" for output in outputs):
        report.summarize()
    deliver(outputs, report.rendered)
    return 1 if failed else 0


def _importer() -> Importer:
    from kongflow.engine.children.importing import import_handlers

    return import_handlers


def _version(against: str | None, config: Path) -> AbstractContextManager[Version | None]:
    return nullcontext() if against is None else version_at(against, config)


@dataclass(frozen=True, slots=True)
class _Report:
    """What there is to say of one run."""

    name: str
    loaded: Loaded
    slots: Sequence[NextSlot]
    now: datetime
    failed: bool
    max_findings: int

    def rendered(self, form: str) -> str:
        """Return the report in a format."""
        in_repository: dict[str, Callable[[Sequence[Finding]], str]] = {
            "github": github_report,
            "gitlab": gitlab_report,
            "sarif": sarif_report,
        }
        if form == "text":
            return self._text()
        if form == "json":
            return json_report(self.loaded.findings, [slot.shape() for slot in self.slots])
        return in_repository[form](self._from_root())

    def summarize(self) -> None:
        """Append to the summary of the step of GitHub Actions that this runs in."""
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        if file:
            findings = self._from_root()
            append_summary(Path(file), lambda room: github_summary(findings, self.name, room), MAX_SUMMARY)

    def _from_root(self) -> Sequence[Finding]:
        return seen_from_root(self.loaded.findings, Path.cwd()) if self.loaded.findings else ()

    def _text(self) -> str:
        loaded = self.loaded
        parts = []
        if loaded.findings:
            parts.append(text_report(loaded.findings, loaded.texts, _style, self.max_findings))
        if not self.failed:
            counts = " · ".join(_count(number, what) for what, number in loaded.counts.items() if number)
            parts.append(f"{click.style('✓', fg='green')} {self.name}: {counts}")
        return "\n".join([*parts, *next_lines(self.slots, self.now)])


def _count(number: int, what: str) -> str:
    return f"{number} {_ONE[what] if number == 1 else what}"


def _style(role: str, text: str) -> str:
    if role == "dim":
        return click.style(text, dim=True)
    return click.style(text, bold=True) if role == "place" else click.style(text, fg=_COLOURS[role], bold=True)

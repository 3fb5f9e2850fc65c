"""Facts: what the checks look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from kongflow.config.findings import Finding
from kongflow.config.handler_path import HandlerProblem
from kongflow.config.handlers import HandlerSignature, find_handler
from kongflow.config.importing import Imported, Importer
from kongflow.config.project import Entry, Project
from kongflow.config.schedules import ReadTiming, read_timings
from kongflow.config.schemas import Schemas, read_schemas
from kongflow.config.template_problems import TemplateProblem, template_problems
from kongflow.config.templates import TemplateUse, parse_templates
from kongflow.config.text import SourceText
from kongflow.core.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Facts:
    """A project as it is declared, its schemas read, its templates and timings parsed, and its handlers found."""

    project: Project
    schemas: Schemas
    templates: tuple[TemplateUse, ...]
    template_problems: tuple[TemplateProblem, ...]
    timings: Mapping[str, ReadTiming]
    now: datetime
    """The instant from which slots are looked at."""
    tries_next: bool
    """The next slot of each schedule must fit, and not only slots of other times."""
    handlers: Mapping[str, HandlerSignature | HandlerProblem]
    """What was found at the handler of each task that has one."""
    python: Mapping[Path, SourceText]
    """The Python files that findings stand in."""
    least_memory_limit: int | None
    """Bytes that a child process needs at least; None where handlers were not imported."""

    @property
    def texts(self) -> dict[str, str]:
        """Text of every file that was read for the checks, by its path as it is shown."""
        return {**self.schemas.texts, **{source.file: source.text for source in self.python.values()}}


def facts_of(
    project: Project,
    shown: Callable[[Path], str],
    *,
    now: datetime,
    tries_next: bool = True,
    importer: Importer | None = None,
) -> Facts:
    """Read what a project names: schemas, templates, and the source of its handlers. `shown`: a path for people.

    `importer`: imports the handlers instead, as a runner does.
    """
    dotted = {task.name: task.value["handler"] for task in project.tasks.values() if "handler" in task.value}
    imported = _read(project.root, dotted) if importer is None else _imported(project, dotted, importer)
    handlers = imported.handlers
    broken = {found.place.file for found in handlers.values() if isinstance(found, HandlerProblem) and found.place}
    python = {file: SourceText(shown(file), _text(file)) for file in broken}
    schemas, templates = read_schemas(project, shown), parse_templates(project)
    return Facts(
        project,
        schemas,
        templates,
        template_problems(templates, schemas),
        read_timings(project),
        now,
        tries_next,
        handlers,
        python,
        imported.least_memory_limit,
    )


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:  # it was there a moment ago
        return ""


def _read(root: Path, dotted: Mapping[str, str]) -> Imported:
    return Imported({name: find_handler(root, path) for name, path in dotted.items()})


def _imported(project: Project, dotted: Mapping[str, str], importer: Importer) -> Imported:
    in_children = {task.name for task in project.tasks.values() if isolation_of(project, task)[1] == "process"}
    return importer(project.root, dotted, in_children & dotted.keys())


def isolation_of(project: Project, task: Entry) -> tuple[Entry, str]:
    """Return what gives a task its isolation, and which."""
    given_by = task if "isolation" in task.value else project.task_defaults
    return given_by, given_by.value.get("isolation", "auto")


Check: TypeAlias = Callable[[Facts], Iterator[Finding]]
"""One rule."""
Trial: TypeAlias = Callable[[Facts, Catalog], Iterator[Finding]]
"""One rule for what is tried with the catalog, once no check has found an error."""

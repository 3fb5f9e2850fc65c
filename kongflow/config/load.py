"""Load: from the bytes of kongflow.yaml to the Catalog, or to a sorted list of findings."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from kongflow.config.build import build
from kongflow.config.checks.against import Earlier, compared
from kongflow.config.checks.all import CHECKS, TRIALS
from kongflow.config.checks.facts import facts_of
from kongflow.config.document import Document, KeyPath, parse_document, read_document
from kongflow.config.environment import Environment
from kongflow.config.findings import Finding, finding, has_errors, in_order, raised_to_errors
from kongflow.config.ignores import without_ignored
from kongflow.config.importing import Importer
from kongflow.config.include import included_files
from kongflow.config.json_document import JsonDocument
from kongflow.config.law import law
from kongflow.config.paths import refuse_irregular
from kongflow.config.project import SECTIONS, Project, declare
from kongflow.config.report import text_report
from kongflow.config.schemas import read_schemas
from kongflow.config.shape import Shaped, shape_included, shape_main
from kongflow.config.variables import uses_of
from kongflow.config.versions import Version
from kongflow.core.catalog import Catalog
from kongflow.core.json import path_of
from kongflow.errors import ConfigFindings, ConfigUnreadable, VariableNeeded


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading gave: the catalog, None where any finding is an error, what it is built from, and the text of every
    file, for reports.
    """

    catalog: Catalog | None
    project: Project
    findings: tuple[Finding, ...]
    texts: Mapping[str, str]
    """By the path as it is shown, as findings have it."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many of each there are: tasks, queues, retry policies, schedules, files."""


def load(
    path: Path,
    *,
    env: Mapping[str, str],
    use_env: bool = True,
    strict: bool = False,
    importer: Importer | None = None,
    data: bytes | None = None,
    now: datetime | None = None,
    tries_next: bool = True,
    against: Version | None = None,
    may_be_unknown: Collection[str] = (),
) -> Loaded:
    """Load a kongflow.yaml with everything that it names. No database is opened.

    `env`: the variables; with `use_env` False none is looked up, and where one is without a default the catalog is
    None. `strict`: warnings are errors, as with `lint.strict`. `importer`: imports the handlers; without
    it they are found by reading their source. `data`: what stands in `path`, where that names no file. `now`: the
    instant from which the slots of schedules are looked at, of the clock where it is None.
    `tries_next`: the next slot of each schedule must fit, and not only slots of other times; who starts by the
    configuration does not ask for that, for he would start at one time of day and not at another.
    `against`: another version, whose jobs and runners this one must get along with.
    `may_be_unknown`: sections of the catalog in which built-in values may stand for variables that are not looked up.
    Raises: ConfigUnreadable where `path` itself is missing, is a directory or may not be read, and where `against`
    cannot be read whole.
    """
    files = _Files(path, Environment(env, use_env), data)
    main = files.main()
    shaped = [main, *files.included(main)]
    findings = list(files.findings)

    project, twice = declare(files.root, shaped)
    findings += twice
    catalog = None
    documents: Mapping[str, Document | JsonDocument] = {}
    if files.complete:
        facts = facts_of(project, files.shown, now=now or datetime.now(UTC), tries_next=tries_next, importer=importer)
        files.texts.update(facts.texts)
        documents = facts.schemas.documents
        findings += facts.schemas.findings
        findings += [found for check in CHECKS for found in check(facts)]
        if against is not None:
            findings += compared(facts, _earlier(against, env))
        findings = _silenced(findings, project, shaped)
        findings = list(raised_to_errors(findings)) if strict or _is_strict(project) else findings
        unknown = {path[:1] for file in shaped for path in file.broken} - {(name,) for name in may_be_unknown}
        if not has_errors(findings) and not unknown:
            catalog = build(project, facts.schemas, facts.templates, facts.timings)
            refused = [found for trial in TRIALS for found in trial(facts, catalog)]
            catalog, findings = None if refused else catalog, findings + refused
    located = _with_paths(in_order(findings), {**documents, **{each.document.file: each.document for each in shaped}})
    return Loaded(catalog, project, located, files.texts, _counts(project, len(shaped)))


def load_catalog(path: Path, env: Mapping[str, str]) -> Catalog:
    """Return the catalog of a kongflow.yaml. Raises: ConfigFindings with the report; ConfigUnreadable."""
    return load_both(path, env)[0]


def load_both(path: Path, env: Mapping[str, str]) -> tuple[Catalog, Project]:
    """Return the catalog of a kongflow.yaml, and the project that it was built from. Raises: as `load_catalog`."""
    loaded = load(path, env=env, tries_next=False)
    if loaded.catalog is None:
        raise ConfigFindings(text_report(loaded.findings, loaded.texts))
    return loaded.catalog, loaded.project


_OF_EACH_MACHINE = ("database", "runner", "retention")
"""The sections that differ from one deployment to the other, and are of no matter where nothing runs."""


def load_portable(path: Path) -> Catalog:
    """Return the catalog of a kongflow.yaml as it is on every machine: no variable is looked up, each is its default;
    the sections that only matter where jobs run may have variables without one.

    Raises: as `load_catalog`; VariableNeeded where any other variable has no default.
    """
    loaded = load(path, env={}, use_env=False, tries_next=False, may_be_unknown=_OF_EACH_MACHINE)
    if loaded.catalog is not None:
        return loaded.catalog
    if has_errors(loaded.findings):
        raise ConfigFindings(text_report(loaded.findings, loaded.texts))
    uses = [use for use in uses_of(loaded.project) if use.default is None and use.path[0] not in _OF_EACH_MACHINE]
    raise VariableNeeded(
        f"{uses[0].place}: {uses[0].name} has no default, and what is written here must be the same on every machine; "
        f"write ${{{uses[0].name}:-default}}"
    )


def _earlier(version: Version, env: Mapping[str, str]) -> Earlier:
    """Return what another version declares; variables are not looked up. Raises: ConfigUnreadable."""
    files = _Files(version.config, Environment(env, False), None)
    main = files.main()
    project, twice = declare(files.root, [main, *files.included(main)])
    schemas = read_schemas(project, files.shown)
    problems = [*files.findings, *twice, *schemas.findings]
    if problems:
        first = in_order(problems)[0]
        where = f"{Path(first.file).name}:{first.line}:{first.col}"
        raise ConfigUnreadable(f"{version.name} cannot be compared with: {where}: [{first.slug}] {first.message}")
    return Earlier(version.name, project, schemas)


class _Files:
    """The YAML files of one configuration: read, with variables filled in, and shaped."""

    def __init__(self, path: Path, environment: Environment, data: bytes | None) -> None:
        self.path = path
        self.data = data
        try:
            # abspath, not resolve: a link to the file keeps the folder that it stands in.
            self.root = Path(os.path.realpath(Path(os.path.abspath(path)).parent))  # noqa: PTH100
        except FileNotFoundError:
            raise ConfigUnreadable("the working directory does not exist any more; change to another") from None
        self.environment = environment
        self.findings: list[Finding] = []
        self.texts: dict[str, str] = {}
        self.complete = True
        """False where a file or pattern failed, so that names may be missing and no check of names is fair."""

    def main(self) -> Shaped:
        """Return kongflow.yaml, shaped. Raises: ConfigUnreadable."""
        path = self.root / self.path.name
        try:
            shown = self.shown(path)
            read = read_document(path, shown) if self.data is None else parse_document(path, shown, self.data)
        except OSError as error:
            raise ConfigUnreadable(_why_unreadable(self.path, error, self.environment.variables)) from None
        document, findings = read
        return self._shaped(document, findings, shape_main(document, self.environment) if not findings else None)

    def included(self, main: Shaped) -> list[Shaped]:
        """Return the files that kongflow.yaml includes, shaped."""
        included = included_files(main, self.root)
        self.findings += included.findings
        if included.findings or ("include",) in main.broken:
            self.complete = False
        shaped: list[Shaped] = []
        for path, place in included.paths.items():
            try:
                refuse_irregular(path)
                document, findings = read_document(path, self.shown(path))
            except OSError as error:
                message = f"{path.relative_to(self.root)} cannot be read: {error.strerror}"
                self.findings.append(finding("file-unreadable", place, message, "check that it exists and is readable"))
                self.complete = False
                continue
            inner = shape_included(document, self.environment) if not findings else None
            shaped.append(self._shaped(document, findings, inner))
        return shaped

    def shown(self, path: Path) -> str:
        """Return a path as people see it: from the working directory where it lies below, else absolute."""
        try:
            here = Path.cwd()
        except FileNotFoundError:  # it was deleted, which stands in the way of relative paths only
            return path.as_posix()
        return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()

    def _shaped(self, document: Document, findings: tuple[Finding, ...], shaped: Shaped | None) -> Shaped:
        self.texts[document.file] = document.source.text
        self.findings += findings
        if shaped is None:
            self.complete = False
            return Shaped(document, {}, findings, frozenset({()}))
        if any(map(_may_hide_names, shaped.broken)):
            self.complete = False
        self.findings += shaped.findings
        return shaped


def _may_hide_names(broken: KeyPath) -> bool:
    """Say whether names that others refer to may be lost with what is left out: a whole section, or a misspelt one."""
    return broken == () or (len(broken) == 1 and (broken[0] in SECTIONS or broken[0] not in law()["properties"]))


def _why_unreadable(path: Path, error: OSError, env: Mapping[str, str]) -> str:
    variable = env.get("KONGFLOW_CONFIG")
    shown = f"{path} (KONGFLOW_CONFIG names it)" if variable and Path(variable) == path else str(path)
    if isinstance(error, FileNotFoundError):
        return f"there is no {shown}; `kongflow init` writes one that runs, and `-c PATH` names another"
    if isinstance(error, IsADirectoryError):
        return f"{shown} is a directory; name the file in it: -c {path / 'kongflow.yaml'}"
    return f"{shown} cannot be read: {error.strerror}"


def _with_paths(findings: Iterable[Finding], documents: Mapping[str, Document | JsonDocument]) -> tuple[Finding, ...]:
    """Return the findings, each with the JSON path of what it is about where its file has such."""
    located: list[Finding] = []
    for found in findings:
        document = documents.get(found.file)
        if document is None:
            located.append(found)
        else:
            path = document.path_at(document.source.offset(found.line, found.col))
            located.append(replace(found, json_path=path_of(path)))
    return tuple(located)


def _silenced(findings: list[Finding], project: Project, shaped: Sequence[Shaped]) -> list[Finding]:
    ignored = set(project.main.value.get("lint", {}).get("ignore", []))
    left = without_ignored(findings, [file.document for file in shaped])
    return [found for found in left if found.slug not in ignored]


def _is_strict(project: Project) -> bool:
    return bool(project.main.value.get("lint", {}).get("strict", False))


def _counts(project: Project, files: int) -> dict[str, int]:
    return {
        "tasks": len(project.tasks),
        "queues": len(project.queues),
        "retry policies": len(project.policies),
        "schedules": len(project.schedules),
        "files": files,
    }

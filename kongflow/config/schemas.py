"""The JSON Schemas of tasks: read from their files or from the YAML itself, with the files that their `$ref`s name."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeGuard
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from kongflow.config.document import KeyPath
from kongflow.config.findings import Finding, Place, finding, quoted, related_to, suggestion
from kongflow.config.json_document import JsonDocument, read_json
from kongflow.config.paths import is_inside, names_in, refuse_irregular
from kongflow.config.project import Entry, Project
from kongflow.core.json import Json
from kongflow.core.schema import PayloadSchema, schema_problems
from kongflow.core.schema_walk import subschemas
from kongflow.errors import InvalidConfig

_METASCHEMAS = "https://json-schema.org/draft/"


Places: TypeAlias = Callable[[KeyPath], Place]
"""Where the value at a path of a schema stands."""


@dataclass(frozen=True)
class Schemas:
    """The compiled schemas, by task and key (`payload` or `result`); everything that is wrong with them."""

    compiled: Mapping[tuple[str, str], PayloadSchema]
    places: Mapping[tuple[str, str], Places]
    """Where what stands at a path of each of them is written."""
    findings: tuple[Finding, ...]
    texts: Mapping[str, str]
    """Text of every schema file that was read, by its path as it is shown."""
    documents: Mapping[str, JsonDocument]
    """Those of the files that are JSON, by the same path."""


def read_schemas(project: Project, shown: Callable[[Path], str]) -> Schemas:
    """Read and compile every schema that a task names. `shown` gives a path as it is shown."""
    library = _Library(project.root, shown)
    compiled: dict[tuple[str, str], PayloadSchema] = {}
    places: dict[tuple[str, str], Places] = {}
    for task in project.tasks.values():
        for key in ("payload", "result"):
            if key in task.value and not task.failed(key):
                schema = library.schema_of(task, key)
                if schema is not None:
                    compiled[task.name, key] = schema
                    places[task.name, key] = library.places_of(task, key)
    findings = (*library.findings, *map(_Absent.finding, library.absent.values()))
    documents = {document.source.file: document for document in library.files.values() if document is not None}
    return Schemas(compiled, places, findings, library.texts, documents)


@dataclass(frozen=True, slots=True)
class _Absent:
    """A file that cannot be read, and every place that names it."""

    slug: str
    message: str
    help: str
    places: list[Place]

    def finding(self) -> Finding:
        first, *others = dict.fromkeys(self.places)
        return finding(self.slug, first, self.message, self.help, related_to(others, "named here too"))


@dataclass
class _Library:
    """Every schema file is read once, and compiled once."""

    root: Path
    shown: Callable[[Path], str]
    files: dict[str, JsonDocument | None] = field(default_factory=dict)
    """By path inside the project; None: it is not JSON, which has its finding."""
    absent: dict[str, _Absent] = field(default_factory=dict)
    """By path inside the project, too."""
    texts: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _compiled: dict[str, PayloadSchema | None] = field(default_factory=dict)
    _valid: dict[str, bool] = field(default_factory=dict)
    """Of the files that others refer to."""

    def schema_of(self, task: Entry, key: str) -> PayloadSchema | None:
        """Return the compiled schema of a task's key; None where anything is wrong with it."""
        written = task.value[key]
        holder = task.document.path.relative_to(self.root).as_posix()
        if isinstance(written, dict):
            base = (*task.path, key)
            return self._compile(written, holder, lambda path: task.document.value_place((*base, *path)))
        name = self._name(posixpath.dirname(holder), written, task.value_place(key))
        if name is None:
            return None
        document = self._file(name, task.value_place(key))
        if document is not None and name not in self._compiled:
            self._compiled[name] = self._compile(document.value, name, document.value_place)
        return self._compiled.get(name)

    def places_of(self, task: Entry, key: str) -> Places:
        """Return where what stands in the schema of a task's key is written; it was compiled before."""
        written = task.value[key]
        if isinstance(written, str):
            folder = posixpath.dirname(task.document.path.relative_to(self.root).as_posix())
            document = self.files[posixpath.normpath(posixpath.join(folder, written))]
            if document is not None:
                return document.value_place
        base = (*task.path, key)
        return lambda path: task.document.value_place((*base, *path))

    # --- files ---

    def _name(self, folder: str, reference: str, place: Place) -> str | None:
        """Return the path of a file inside the project, or None with a finding where it leads out of it."""
        name = posixpath.normpath(posixpath.join(folder, reference))
        if posixpath.isabs(reference) or name.startswith("..") or not is_inside(self.root, self.root / name):
            advice = "schemas live in the folder of kongflow.yaml or below"
            self._add("schema-outside-project", place, f"{quoted(reference)} leads out of the project", advice)
            return None
        return name

    def _file(self, name: str, place: Place, slug: str = "schema-not-found") -> JsonDocument | None:
        """Return a file of the project; where it cannot be read, the finding stands at the `place` that names it."""
        if name not in self.files and name not in self.absent:
            try:
                self.files[name] = self._read(self.root / name)
            except OSError as error:
                self.absent[name] = self._why_absent(name, error, slug)
        if name in self.absent:
            self.absent[name].places.append(place)
        return self.files.get(name)

    def _read(self, path: Path) -> JsonDocument | None:
        refuse_irregular(path)
        document, findings = read_json(path, self.shown(path))
        self.texts[document.source.file] = document.source.text
        self.findings.extend(findings)
        return None if findings else document

    def _why_absent(self, name: str, error: OSError, slug: str) -> _Absent:
        path = self.root / name
        if isinstance(error, IsADirectoryError):
            return _Absent(slug, f"{name} is a folder", "name a file in it", [])
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            otherwise = self._from_the_root(name) or "paths are relative to the file that they stand in"
            advice = suggestion(path.name, names_in(path.parent), otherwise)
            return _Absent(slug, f"{name} does not exist", advice, [])
        return _Absent("file-unreadable", f"{quoted(name)} cannot be read: {error.strerror}", "", [])

    def _from_the_root(self, name: str) -> str | None:
        """Say what to write where a path was meant from the project's folder, not from that of its file."""
        parts = name.split("/")
        for count in range(1, len(parts)):
            folder, meant = "/".join(parts[:count]), "/".join(parts[count:])
            if (self.root / meant).is_file():
                return f"from {folder}/ it is {posixpath.relpath(meant, folder)}"
        return None

    def _add(self, slug: str, place: Place, message: str, help: str = "") -> None:
        self.findings.append(finding(slug, place, message, help))

    # --- references ---

    def _compile(self, schema: Json, name: str, place: Places) -> PayloadSchema | None:
        """Return a compiled schema, or None with its findings; the files that it refers to are checked first."""
        good, others = self._reached(schema, name, place)
        resources = {uri: document.value for uri, document in others.items()}
        for document in dict.fromkeys(others.values()) if good else ():
            good = self._is_valid_file(document, {**resources, quote(name): schema}) and good
        try:
            return PayloadSchema.compile(schema, resources, quote(name)) if good else None
        except InvalidConfig:
            self._list_problems(schema, name, place, resources)
            return None

    def _is_valid_file(self, document: JsonDocument, resources: dict[str, Json]) -> bool:
        name = document.path.relative_to(self.root).as_posix()
        if name not in self._valid:
            before = len(self.findings)
            self._list_problems(document.value, name, document.value_place, resources)
            self._valid[name] = len(self.findings) == before
        return self._valid[name]

    def _list_problems(self, schema: Json, name: str, place: Places, resources: dict[str, Json]) -> None:
        others = {uri: resource for uri, resource in resources.items() if uri != quote(name)}
        for problem in schema_problems(schema, others, quote(name)):
            self._add("schema-invalid", place(problem.path), problem.message)

    def _reached(self, schema: Json, name: str, place: Places) -> tuple[bool, dict[str, JsonDocument]]:
        """Return the files that references lead to, theirs too, by every URI that stands for them.

        The first value is False where one of them is not there.
        """
        good = True
        found: dict[str, JsonDocument] = {}
        pending = [(schema, name, place)]
        while pending:
            inside, inside_name, inside_place = pending.pop()
            for path, reference, uri in _file_references(inside):
                document = self._referred(inside_name, reference, inside_place(path))
                if document is None:
                    good = False
                    continue
                file = document.path.relative_to(self.root).as_posix()
                if quote(file) not in found and file != name:
                    pending.append((document.value, file, document.value_place))
                found.update({quote(file): document, **({uri: document} if uri else {})})
        return good, found

    def _referred(self, name: str, reference: str, place: Place) -> JsonDocument | None:
        if urlsplit(reference).scheme or reference.startswith("//"):
            advice = "copy it into the project and refer to the file"
            self._add("schema-remote-ref", place, "schemas are never fetched over the network", advice)
            return None
        file = self._name(posixpath.dirname(name), unquote(urldefrag(reference).url), place)
        return self._file(file, place, "schema-ref-not-found") if file else None


def _file_references(schema: Json) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield every reference to another file with its path; and its absolute URI where an `$id` gives it one."""
    own = _identities(schema)
    for path, reference, base in _references(schema):
        uri = urldefrag(urljoin(base, reference)).url
        if uri and uri not in own and not uri.startswith(_METASCHEMAS):
            yield path, reference, uri if base else ""


def _references(schema: Json) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield every reference with its path and the absolute `$id` that it starts from, or "" for the file itself."""
    bases: dict[KeyPath, str] = {}
    for path, sub in subschemas(schema):
        if not isinstance(sub, dict):
            continue
        above = max((known for known in bases if path[: len(known)] == known), key=len, default=None)
        base = "" if above is None else bases[above]
        if _is_reference(sub.get("$id")) and (base or urlsplit(sub["$id"]).scheme):
            base = bases[path] = urljoin(base, sub["$id"])
        for keyword in ("$ref", "$dynamicRef"):
            if _is_reference(sub.get(keyword)):
                yield (*path, keyword), sub[keyword], base


def _identities(schema: Json) -> set[str]:
    found = (sub.get("$id") for _, sub in subschemas(schema) if isinstance(sub, dict))
    return {urldefrag(identity).url for identity in found if _is_reference(identity)}


def _is_reference(value: Json) -> TypeGuard[str]:
    """Say whether a value is a reference that can be taken apart; others are found by the schema's own check."""
    if not isinstance(value, str):
        return False
    try:
        urlsplit(value)
    except ValueError:
        return False
    return True

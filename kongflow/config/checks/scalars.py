"""Scalars without quotes that people, and older YAML, read as something else than YAML 1.2 does.

Said only where nothing settles what is meant: a key of the language, or a schema, that takes text makes it text. A date
and `22:22` are not among them: JSON knows neither, so they can only be meant as the text that they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from kongflow.config.checks.facts import Facts
from kongflow.config.document import KeyPath
from kongflow.config.findings import Finding, finding
from kongflow.config.project import Entry
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.reading import read
from kongflow.config.types.type import ANYTHING, NULL, Kind, Later, ListOf, Type, either, item_of, kind_of, members
from kongflow.core.json import Json
from kongflow.core.payload_template import texts_of
from kongflow.core.schema_walk import subschemas

_WORD = re.compile(r"(?P<true>yes|Yes|YES|on|On|ON)|no|No|NO|off|Off|OFF")
_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?|[-+]?0b[01_]+")
_ZERO = re.compile(r"[-+]?0[0-9]+")
_VALUES = ("const", "default", "enum", "examples")
"""Keywords of a schema that hold values."""


def yaml_ambiguous_scalar(facts: Facts) -> Iterator[Finding]:
    """No value looks like a boolean or a number and is text, and no number looks like text."""
    for entry, steps in (*_in_payloads(facts), *_in_schemas(facts)):
        node = entry.document.scalar_node((*entry.path, *steps))
        if node is None or node.style:
            continue
        text: str = node.value
        word = _WORD.fullmatch(text)
        if word is not None:
            meant = "true" if word["true"] else "false"
            message = f"`{text}` is text in YAML 1.2, and {meant} for older YAML and for many a reader"
            yield _found(entry, steps, message, f'write {meant}, or quote it: "{text}"')
        elif _NUMBER.fullmatch(text):
            message = f"`{text}` is text in YAML 1.2, and a number for older YAML and for many a reader"
            yield _found(entry, steps, message, f'write {_plain(text)}, or quote it: "{text}"')
    for entry in _files(facts):
        yield from _leading_zeros(entry)


def _found(entry: Entry, steps: KeyPath, message: str, help: str) -> Finding:
    return finding("yaml-ambiguous-scalar", entry.value_place(*steps), message, help)


def _plain(number: str) -> str:
    digits = number.replace("_", "")
    return str(int(digits, 2)) if "0b" in digits else digits


# --- texts of which nothing says that they are such ------------------------------------------------------------------


def _in_payloads(facts: Facts) -> Iterator[tuple[Entry, KeyPath]]:
    """Yield the texts in payloads of schedules and in examples whose schema does not say that they are texts."""
    for schedule in facts.project.schedules.values():
        type_ = _payload_type(facts, str(schedule.value.get("task")))
        if type_ is not None:
            yield from _unsettled(schedule, schedule.value.get("payload"), ("payload",), type_)
    for task in facts.project.tasks.values():
        examples = task.value.get("examples")
        type_ = _payload_type(facts, task.name) if examples else None
        if type_ is not None:
            yield from _unsettled(task, examples, ("examples",), ListOf(Later.of(type_)))


def _payload_type(facts: Facts, task: str) -> Type | None:
    """Return the type of a task's payload; None where its schema has a finding of its own."""
    entry, schema = facts.project.tasks.get(task), facts.schemas.compiled.get((task, "payload"))
    if entry is None:
        return ANYTHING
    return None if schema is None and ("payload" in entry.value or entry.failed("payload")) else payload_type(schema)


def _unsettled(entry: Entry, value: Json, steps: KeyPath, type_: Type) -> Iterator[tuple[Entry, KeyPath]]:
    for inner, _ in texts_of(value):
        known = members(_type_at(type_, inner))
        kinds = None if known is None else {kind_of(one) for one in known if one != NULL}
        if kinds is None or (Kind.TEXT in kinds and len(kinds) > 1):
            yield entry, (*steps, *inner)


def _type_at(type_: Type, steps: KeyPath) -> Type:
    for step in steps:
        if isinstance(step, str):
            reading = read(type_, step)
            type_ = ANYTHING if reading.is_free or not reading.presences else reading.type
        else:
            lists = [one for one in members(type_) or () if isinstance(one, ListOf)]
            type_ = either([item_of(one, step) for one in lists]) if lists else ANYTHING
    return type_


def _in_schemas(facts: Facts) -> Iterator[tuple[Entry, KeyPath]]:
    """Yield the texts among the values that a schema in YAML lists, where it does not say what type they have."""
    for task in facts.project.tasks.values():
        for key in ("payload", "result"):
            schema = task.value.get(key)
            for path, sub in subschemas(schema) if isinstance(schema, dict) and not task.failed(key) else ():
                if isinstance(sub, Mapping) and "type" not in sub:
                    for keyword in _VALUES:
                        yield from ((task, (key, *path, keyword, *inner)) for inner, _ in texts_of(sub.get(keyword)))


# --- numbers that begin with 0 ---------------------------------------------------------------------------------------


def _files(facts: Facts) -> Iterator[Entry]:
    """Yield an entry for each file, at its top."""
    project = facts.project
    sections = (project.tasks, project.queues, project.policies, project.schedules)
    entries = [project.main, *(entry for section in sections for entry in section.values())]
    for entry in {id(each.document): each for each in entries}.values():
        yield Entry("", {}, entry.document, (), entry.broken, entry.filled)


def _leading_zeros(file: Entry) -> Iterator[Finding]:
    for path, node in _scalars(file.document.root):
        if not node.style and _ZERO.fullmatch(node.value) and not file.failed(*path):
            octal = int(node.value, 8) if set(node.value) <= set("+-01234567") else "text"
            message = f"`{node.value}` is the number {int(node.value)} in YAML 1.2, and {octal} for older YAML"
            yield _found(file, path, message, f'quote it, if the 0 belongs to it: "{node.value}"; else leave it out')


def _scalars(root: yaml.Node | None) -> Iterator[tuple[KeyPath, yaml.ScalarNode]]:
    """Yield every value that is a scalar, with its path; own data (`x-…`) is not looked at."""
    pending: list[tuple[KeyPath, yaml.Node]] = [] if root is None else [((), root)]
    seen: set[int] = set()
    while pending:
        path, node = pending.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield path, node
        elif isinstance(node, yaml.MappingNode):
            named = ((key.value, value) for key, value in node.value if not str(key.value).startswith("x-"))
            pending += [((*path, name), value) for name, value in named]
        elif isinstance(node, yaml.SequenceNode):
            pending += [((*path, index), item) for index, item in enumerate(node.value)]

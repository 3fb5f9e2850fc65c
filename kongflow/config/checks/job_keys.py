"""Job keys: those of two tasks do not meet, for there is one namespace for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding, quoted, related_to
from kongflow.config.project import Entry
from kongflow.config.schemas import Schemas
from kongflow.config.templates import TemplateUse
from kongflow.config.types.from_schema import payload_type
from kongflow.config.types.reading import type_at
from kongflow.config.types.type import Scalar, members
from kongflow.core.expression import as_text
from kongflow.core.syntax import Filter, Node, Path, path_of

_SHAPING = frozenset({"default", "lower", "upper", "trim", "string"})
"""Filters that leave of a value what it is about."""
Form: TypeAlias = tuple[str | None, ...]
"""Literal texts, with the name of the task filled in, and None for each value of a payload."""


@dataclass(frozen=True, slots=True)
class _Key:
    """The key of one task."""

    use: TemplateUse
    task: Entry
    form: Form
    values: tuple[Node, ...]


def job_key_collision(facts: Facts) -> Iterator[Finding]:
    """The keys of no two tasks have the same texts around the values of their payloads."""
    by_form: dict[Form, list[_Key]] = {}
    for key in _keys(facts):
        by_form.setdefault(key.form, []).append(key)
    told: set[int] = set()
    for keys in by_form.values():
        for index, key in enumerate(keys):
            earlier = next((other for other in keys[:index] if _can_be_equal(other, key, facts.schemas)), None)
            if earlier is None or id(key.use) in told:
                continue
            told.add(id(key.use))
            message = (
                f"jobs of {quoted(earlier.task.name)} and {quoted(key.task.name)} can have the same key: of those that "
                "wait with one key, only one is kept"
            )
            advice = "begin the key with << task.name >>, unless it is meant to be shared"
            here, there = key.use.entry.value_place("job_key"), earlier.use.entry.value_place("job_key")
            places = [there] if there != here else [earlier.task.key_place(), key.task.key_place()]
            related = related_to(places, "the other key" if there != here else "a task that inherits the template")
            yield finding("job-key-collision", here, message, advice, related)


def _keys(facts: Facts) -> Iterator[_Key]:
    """Yield the key of every task whose form is known: of values as they stand in the payload, and texts."""
    for use in facts.templates:
        if use.key != "job_key" or use.template is None:
            continue
        parts = [part if isinstance(part, str) else part.tree for part in use.template.parts]
        paths = {id(part): _path(part) for part in parts if not isinstance(part, str)}
        if None in paths.values():
            continue
        for task in use.tasks:
            form: list[str | None] = []
            values: list[Node] = []
            for part in parts:
                if isinstance(part, str):
                    form.append(part)
                elif paths[id(part)] == ("task", "name"):
                    form.append(task.name)
                else:
                    form.append(None)
                    values.append(part)
            yield _Key(use, task, _joined(form), tuple(values))


def _joined(parts: list[str | None]) -> Form:
    """Return the parts with texts that follow each other in one."""
    joined: list[str | None] = []
    for part in parts:
        if part is not None and joined and joined[-1] is not None:
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def _path(node: Node) -> Path | None:
    """Return the path of a value that is printed as it is, but for its case or a default."""
    while isinstance(node, Filter) and node.name in _SHAPING:
        node = node.subject
    return path_of(node)


def _can_be_equal(one: _Key, other: _Key, schemas: Schemas) -> bool:
    """Say whether two keys of one form can be equal: what schemas list for a value has something in common."""
    for here, there in zip(one.values, other.values, strict=True):
        texts, others = _texts(here, one.task, schemas), _texts(there, other.task, schemas)
        if texts is not None and others is not None and texts.isdisjoint(others):
            return False
    return True


def _texts(node: Node, task: Entry, schemas: Schemas) -> frozenset[str] | None:
    """Return what a value can be printed as, where its schema lists that; None where it may be anything."""
    path, schema = path_of(node), schemas.compiled.get((task.name, "payload"))
    if path is None or schema is None:
        return None
    found: set[str] = set()
    for member in members(type_at(path, {"payload": payload_type(schema)}, {})) or (None,):
        if not isinstance(member, Scalar) or member.values is None:
            return None
        found |= {as_text(value, "") for value in member.values if value is not None}
    return frozenset(found)

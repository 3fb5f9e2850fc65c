"""Against another version: what this one would strand that was added, or is running, under that one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Place, finding, listing, quoted, suggestion
from kongflow.config.project import Entry, Project
from kongflow.config.schemas import Places, Schemas
from kongflow.core.compatibility import Refusal, refusals
from kongflow.core.json import Json, canonical, path_of
from kongflow.core.queue import Queue
from kongflow.core.schema import PayloadSchema
from kongflow.core.schema_faults import declared_defaults
from kongflow.core.schema_walk import Path

_ANY = PayloadSchema.compile({"type": "object"})
"""What a task without a schema takes."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The other version: what it is called, what it declares, and its schemas."""

    name: str
    project: Project
    schemas: Schemas


def compared(facts: Facts, earlier: Earlier) -> Iterator[Finding]:
    """Yield what has changed since the other version so that jobs, or runners, of it may be lost."""
    yield from _task_removed(facts.project, earlier)
    yield from _queue_removed(facts.project, earlier)
    yield from _payloads(facts, earlier)


def _task_removed(project: Project, earlier: Earlier) -> Iterator[Finding]:
    """A task that was declared still is, or has a tombstone."""
    place = project.main.key_place("tasks") if "tasks" in project.main.value else project.main.document.start
    for name, task in earlier.project.tasks.items():
        if name in project.tasks or name in project.tombstones:
            continue
        heirs = [new for new, entry in project.tasks.items() if new not in earlier.project.tasks]
        same = [new for new in heirs if project.tasks[new].value.get("handler") == task.value.get("handler")]
        message = f"the task {quoted(name)} of {earlier.name} is gone: its jobs that wait are run by nobody"
        advice = f"if it was renamed: {name}: {{renamed_to: {same[0]}}}" if same else suggestion(name, heirs)
        tombstone = f"leave it until they are done, or write {name}: {{removed: true}}, which cancels them"
        yield finding("task-removed", place, message, f"{advice}; else {tombstone}" if advice else tombstone)


def _queue_removed(project: Project, earlier: Earlier) -> Iterator[Finding]:
    """A queue that was declared still is, or one that takes all its names, for the sake of the jobs in it."""
    place = project.main.key_place("queues") if "queues" in project.main.value else project.main.document.start
    for name in earlier.project.queues:
        if name not in project.queues and not any(_takes_all(queue, name) for queue in project.queues):
            message = f"the queue {quoted(name)} of {earlier.name} is gone: jobs that wait in it lose its limits"
            yield finding(
                "queue-removed", place, message, f"leave it until it is empty; there are: {listing(project.queues)}"
            )


def _takes_all(pattern: str, name: str) -> bool:
    """Say whether a pattern matches a name, or every name that another pattern matches."""
    if "*" not in name:
        return "*" in pattern and Queue(pattern).matches(name)
    start, star, end = pattern.partition("*")
    first, _, last = name.partition("*")
    return bool(star) and first.startswith(start) and last.endswith(end)


@dataclass(frozen=True, slots=True)
class _Told:
    """A finding about one place; several tasks may share the schema that it stands in."""

    slug: str
    place: Place
    what: str


_WORDS = {
    "schema-incompatible": (
        "jobs of {tasks} that wait may be refused: {what}",
        "make it optional, give it a default, or declare a task beside this one until the old jobs are done",
    ),
    "schema-incompatible-forward": (
        "runners of {version} may refuse new jobs of {tasks}: {what}",
        "deploy the runners before what adds jobs",
    ),
    "schema-default-changed": (
        "jobs of {tasks} that wait keep what they were given: {what}",
        "nothing needs to be done where the handler takes both",
    ),
    "schema-unproved": (
        "nobody can say whether jobs of {tasks} that wait fit: {what}",
        "look at the change, and at what waits: kongflow jobs list --task NAME",
    ),
}


def _payloads(facts: Facts, earlier: Earlier) -> Iterator[Finding]:
    """Payloads that wait are taken by the new schema, and new ones by runners that are still the old ones."""
    told: dict[_Told, list[str]] = {}
    for declared in earlier.project.tasks:
        name = _now_of(declared, facts.project)
        if name is not None and not facts.project.tasks[name].failed("payload"):
            for each in _of_task(facts, earlier, declared, name):
                told.setdefault(each, []).append(declared)
    for each, tasks in told.items():
        message, advice = _WORDS[each.slug]
        text = message.format(tasks=listing(tasks), version=earlier.name, what=each.what)
        yield finding(each.slug, each.place, text, advice)


def _now_of(declared: str, project: Project) -> str | None:
    """Return the task that takes the jobs of a task now: one of that name, or what its tombstone says; None: none."""
    names = [declared]
    while names[-1] in project.tombstones and len(set(names)) == len(names):
        names.append(str(project.tombstones[names[-1]].value.get("renamed_to")))
    return names[-1] if names[-1] in project.tasks else None


def _of_task(facts: Facts, earlier: Earlier, declared: str, name: str) -> Iterator[_Told]:
    new = facts.schemas.compiled.get((name, "payload"), _ANY)
    old = earlier.schemas.compiled.get((declared, "payload"), _ANY)
    task = facts.project.tasks[name]
    place = facts.schemas.places.get((name, "payload")) or _at_name_of(task)
    undeclared: dict[Path, list[Refusal]] = {}
    for refusal in refusals(old, new):
        if refusal.undeclared:
            undeclared.setdefault(refusal.value[:-1], []).append(refusal)
        else:
            slug = "schema-incompatible" if refusal.proven else "schema-unproved"
            yield _Told(slug, place(refusal.narrower), _in_words(refusal))
    for several in undeclared.values():
        yield _Told("schema-unproved", place(several[0].narrower), _all_in_words(several))
    defaults = declared_defaults(old)
    for steps, (value, path) in declared_defaults(new).items():
        if steps in defaults and canonical(defaults[steps][0]) != canonical(value):
            what = f"the default of {path_of(steps)} was {_shown(defaults[steps][0])}, and is {_shown(value)} now"
            yield _Told("schema-default-changed", place(path), what)
    for refusal in refusals(new, old):
        if refusal.proven and declared == name:  # runners of the other version do not know a new name
            yield _Told("schema-incompatible-forward", place(refusal.wider), _in_words(refusal))


def _at_name_of(task: Entry) -> Places:
    return lambda _path: task.key_place()


def _in_words(refusal: Refusal) -> str:
    return f"{refusal.message} at {path_of(refusal.value)}" if refusal.value else refusal.message


def _all_in_words(refusals: Sequence[Refusal]) -> str:
    """Say of several fields of one object what holds of each: they were not declared."""
    if len(refusals) == 1:
        return _in_words(refusals[0])
    names = listing(quoted(refusal.value[-1]) for refusal in refusals)
    holder = refusals[0].value[:-1]
    where = f" at {path_of(holder)}" if holder else ""
    return f"{names} were not declared, so that they may be anything in what was added{where}"


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"

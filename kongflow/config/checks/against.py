"""Against another version: what this one would strand that was added, or is running, under that one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, Place, finding, listing, quoted, suggestion
from kongflow.config.project import Entry, Project
from kongflow.config.schemas import Places, Schemas
from kongflow.core.compatibility import Refusal, refusals
from kongflow.core.json import path_of
from kongflow.core.schema import PayloadSchema

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
    """A queue that was declared still is, for the sake of the jobs in it."""
    place = project.main.key_place("queues") if "queues" in project.main.value else project.main.document.start
    for name in earlier.project.queues:
        if name not in project.queues:
            message = f"the queue {quoted(name)} of {earlier.name} is gone: jobs that wait in it lose its limits"
            yield finding(
                "queue-removed", place, message, f"leave it until it is empty; there are: {listing(project.queues)}"
            )


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
    for refusal in refusals(old, new):
        slug = "schema-incompatible" if refusal.proven else "schema-unproved"
        yield _Told(slug, place(refusal.narrower), _in_words(refusal))
    for refusal in refusals(new, old):
        if refusal.proven and declared == name:  # runners of the other version do not know a new name
            yield _Told("schema-incompatible-forward", place(refusal.wider), _in_words(refusal))


def _at_name_of(task: Entry) -> Places:
    return lambda _path: task.key_place()


def _in_words(refusal: Refusal) -> str:
    return f"{refusal.message} at {path_of(refusal.value)}" if refusal.value else refusal.message

"""Limits of queues: each can be reached, long jobs hold up no short ones, and names are no instants."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.checks.schedules import timeout_of
from kongflow.config.findings import Finding, Related, finding, quoted, related_to
from kongflow.config.project import Entry
from kongflow.config.templates import TemplateUse
from kongflow.core.duration import format_duration
from kongflow.core.json import Json
from kongflow.core.syntax import path_of

_LONG, _SHORT = 3600.0, 600.0
"""Seconds that a job may run to be long, or short, beside others in a queue that runs one at a time."""


def queue_limit_inert(facts: Facts) -> Iterator[Finding]:
    """Of `concurrency` and `max_active` each can be reached, unless a variable may change that."""
    for entry in facts.project.queues.values():
        keys = ("concurrency", "max_active")
        at_once, active = entry.value.get("concurrency", 1), entry.value.get("max_active")
        if active is None or at_once == "unlimited" or any(entry.failed(key) or entry.varies(key) for key in keys):
            continue
        if active < at_once:
            message = f"{at_once} jobs never run at once: `max_active` allows {active}"
            advice = f"a `concurrency` of at most {active}, or a higher `max_active`"
            related = (Related(entry.value_place("max_active"), "the lower limit"),)
            yield finding("queue-limit-inert", entry.value_place("concurrency"), message, advice, related)
        elif active > at_once and "*" not in entry.name:
            why = (
                f"`concurrency` allows {at_once}" if "concurrency" in entry.value else "`concurrency` is 1 if not given"
            )
            message = f"{active} jobs never run at once: {why}"
            advice = f"write `concurrency: {active}`; `max_active` is for patterns, over all their names together"
            yield finding("queue-limit-inert", entry.value_place("max_active"), message, advice)


def queue_serial_long_job(facts: Facts) -> Iterator[Finding]:
    """A queue that runs one job at a time has no tasks of an hour beside others of minutes."""
    for queue, tasks in _by_serial_queue(facts).items():
        times = [(task, *timeout_of(facts, task)) for task in tasks]
        short = [(task, owner) for task, owner, timeout in times if timeout <= _SHORT and not owner.failed("timeout")]
        for task, _, timeout in times:
            if timeout < _LONG or "timeout" not in task.value or not short:
                continue
            message = (
                f"{quoted(queue)} runs one job at a time: those of {quoted(short[0][0].name)} may wait for "
                f"{format_duration(timeout)} behind one of {quoted(task.name)}"
            )
            advice = "a queue of its own, a higher `concurrency`, or a shorter timeout"
            related = related_to([each.value_place("queue") for each, _ in short], "a task with short jobs")
            yield finding("queue-serial-long-job", task.value_place("timeout"), message, advice, related)


def _by_serial_queue(facts: Facts) -> dict[str, list[Entry]]:
    """Return the tasks that name each queue of one job at a time; the names of a pattern are queues of their own."""
    found: dict[str, list[Entry]] = {}
    for use in facts.templates:
        queue = facts.project.queues.get(use.text)
        if use.key == "queue" and use.entry.name and queue is not None and _is_serial(queue):
            found.setdefault(queue.name, []).append(use.entry)
    return found


def _is_serial(queue: Entry) -> bool:
    is_known = not any(queue.failed(key) or queue.varies(key) for key in ("concurrency", "max_active"))
    return is_known and 1 in (queue.value.get("concurrency", 1), queue.value.get("max_active"))


def queue_cardinality(facts: Facts) -> Iterator[Finding]:
    """No queue is named by an instant, for each would be a queue of its own."""
    for use in facts.templates:
        if use.key != "queue" or not use.tasks:
            continue
        for start, end, key in _instants(facts, use):
            message = (
                f"{quoted(key)} is an instant: jobs of different instants are in different queues, and wait for none"
            )
            advice = "name the queue by an id, so that its limits hold for jobs that belong together"
            yield finding("queue-cardinality", use.place(start, end), message, advice)


def _instants(facts: Facts, use: TemplateUse) -> Iterator[tuple[int, int, str]]:
    """Yield where a template prints a field that is an instant for each of its tasks, and the key of the field."""
    for part in use.template.parts if use.template is not None else ():
        path = None if isinstance(part, str) else path_of(part.tree)
        if isinstance(part, str) or path is None or path[0] != "payload":
            continue
        schemas = [facts.schemas.compiled.get((task.name, "payload")) for task in use.tasks]
        if all(schema is not None and _format(schema.schema, path[1:]) == "date-time" for schema in schemas):
            yield *part.tree.mark, path[-1]


def _format(schema: Json, path: tuple[str, ...]) -> Json:
    """Return the format of a field, as far as it is declared in plain sight."""
    for key in path:
        properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
        schema = properties.get(key)
    return schema.get("format") if isinstance(schema, dict) else None

"""Names that must be declared: retry policies, the tasks of schedules, and those that tombstones point at."""

from __future__ import annotations

from collections.abc import Iterator

from kongflow.config.checks.facts import Facts
from kongflow.config.findings import Finding, finding, listing, quoted, suggestion


def unknown_retry_policy(facts: Facts) -> Iterator[Finding]:
    """`retry` names a policy that is declared, or `default`."""
    known = {"default", *facts.project.policies}
    for entry in (facts.project.task_defaults, *facts.project.tasks.values()):
        name = entry.value.get("retry")
        if isinstance(name, str) and name not in known:
            advice = suggestion(name, known, f"declared: {listing(known)}")
            yield finding("unknown-retry-policy", entry.value_place("retry"), f"no retry policy {quoted(name)}", advice)


def unknown_task(facts: Facts) -> Iterator[Finding]:
    """`task` of a schedule names a task that is declared."""
    tasks, tombstones = facts.project.tasks, facts.project.tombstones
    for entry in facts.project.schedules.values():
        name = entry.value.get("task")
        if name is None or name in tasks:
            continue
        message, advice = f"no task {quoted(name)} is declared", suggestion(name, tasks, f"declared: {listing(tasks)}")
        if name in tombstones:
            target = tombstones[name].value.get("renamed_to")
            message = f"the task {quoted(name)} was {'renamed' if target else 'removed'}"
            advice = f"write {target}" if target else "delete the schedule, or name the task that does the work now"
        yield finding("unknown-task", entry.value_place("task"), message, advice)


def tombstone_not_alone(facts: Facts) -> Iterator[Finding]:
    """`renamed_to` or `removed` is the only key of a task that is gone."""
    for entry in facts.project.tombstones.values():
        first, *more = entry.value or [""]
        if more:
            kept = first if first in ("renamed_to", "removed") else "renamed_to"
            other = next(key for key in entry.value if key != kept)
            message = f"a task that is gone has no other keys, this one has {other!r}"
            advice = f"keep {kept!r} alone, or delete it to declare the task"
            yield finding("tombstone-not-alone", entry.key_place(other), message, advice)


def tombstone_target(facts: Facts) -> Iterator[Finding]:
    """`renamed_to` names a task that exists."""
    for entry in facts.project.tombstones.values():
        target = entry.value.get("renamed_to")
        if target is None or target in facts.project.tasks:
            continue
        gone = target in facts.project.tombstones
        message = f"the task {quoted(target)} is gone itself" if gone else f"no task {quoted(target)} is declared"
        advice = "name the task that does the work now" if gone else suggestion(target, facts.project.tasks)
        yield finding("tombstone-target", entry.value_place("renamed_to"), message, advice)

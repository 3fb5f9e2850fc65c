"""The jobs of schedules: what a slot would add can be added."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from kongflow.config.checks.facts import Facts
from kongflow.config.checks.payload_problems import steps_of_problem
from kongflow.config.findings import Finding, Place, Related, finding, quoted
from kongflow.config.project import Entry
from kongflow.core.catalog import Catalog
from kongflow.core.job import JobOptions
from kongflow.core.json import Json
from kongflow.core.new_job import new_job
from kongflow.core.schedule import Schedule, Slot, slot_payload, slot_scope
from kongflow.errors import InvalidPayload, KongFlowError, TemplateError

SOME_TIMES = (
    datetime(2024, 2, 28, 23, 59, tzinfo=UTC),
    datetime(2025, 7, 6, 12, tzinfo=UTC),
    datetime(2026, 12, 31, 6, 30, tzinfo=UTC),
)
"""Whoever starts by a configuration tries the slots after these, at whatever time he starts."""


def schedule_payload(facts: Facts, catalog: Catalog) -> Iterator[Finding]:
    """The payload for a slot can be made, fits the schema of the task, and gives its job a queue and a key."""
    for schedule in catalog.schedules.values():
        found = _try(facts, catalog, schedule, facts.now) if facts.tries_next else []
        others = [] if found else [_try(facts, catalog, schedule, instant) for instant in SOME_TIMES]
        yield from others[0] if others and all(others) else found


def _try(facts: Facts, catalog: Catalog, schedule: Schedule, instant: datetime) -> list[Finding]:
    """Return what is wrong with the job of the first slot after an instant."""
    entry = facts.project.schedules[schedule.name]
    slot = Slot(schedule.timing.after(instant))
    try:
        payload = slot_payload(schedule, slot, catalog.task(schedule.task).payload_schema)
    except TemplateError:
        return list(_not_rendered(facts, schedule, slot))
    try:
        new_job(catalog, schedule.task, payload, JobOptions())
    except InvalidPayload as error:
        return list(_not_fitting(entry, schedule.task, payload, error))
    except KongFlowError as error:
        task = facts.project.tasks[schedule.task]
        related = (Related(task.key_place(), "the task"),)
        return [finding("schedule-payload", _payload_place(entry), str(error), _CORRECT, related)]
    return []


_CORRECT = "correct the payload here, or the task"


def _not_rendered(facts: Facts, schedule: Schedule, slot: Slot) -> Iterator[Finding]:
    for use in facts.templates:
        if use.entry is facts.project.schedules[schedule.name] and use.template is not None:
            try:
                use.template.render(slot_scope(schedule, slot))
            except TemplateError as error:
                yield finding("schedule-payload", use.place(0, len(use.text)), str(error))


def _not_fitting(entry: Entry, task: str, payload: Json, error: InvalidPayload) -> Iterator[Finding]:
    for problem in error.problems or (str(error),):
        place = _payload_place(entry, *steps_of_problem(payload, problem))
        yield finding("schedule-payload", place, f"the payload does not fit {quoted(task)}: {problem}", _CORRECT)


def _payload_place(entry: Entry, *steps: str | int) -> Place:
    """Return the place of a value in the payload, of the payload where it is not written there, else of the task."""
    if "payload" not in entry.value:
        return entry.value_place("task")
    value: Json = entry.value["payload"]
    for index, step in enumerate(steps):
        try:
            value = value[step]
        except (LookupError, TypeError):  # a template or `ts` made it
            return entry.value_place("payload", *steps[:index])
    return entry.value_place("payload", *steps)

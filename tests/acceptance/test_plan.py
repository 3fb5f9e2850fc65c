"""A plan is exact where tens of thousands of jobs wait."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.project import Project

OLD = """\
version: 1
queues: {mail: {concurrency: 2}}
tasks:
  sendMail:
    handler: handlers.work
    queue: mail
    payload: {type: object, required: [to], properties: {to: {type: string}, colour: {enum: [red, green, blue]}}}
  startRun: {handler: handlers.work}
  report: {handler: handlers.work, payload: {type: object, properties: {month: {type: string}}}}
"""
NEW = """\
version: 1
queues: {mail: {concurrency: 4}}
tasks:
  sendMail:
    handler: handlers.work
    queue: mail
    payload: {type: object, required: [to], properties: {to: {type: string}, colour: {enum: [red, blue]}}}
  startRun: {renamed_to: beginRun}
  beginRun: {handler: handlers.work, payload: {type: object, properties: {id: {type: integer}}}}
  report: {handler: handlers.work, payload: {type: object, required: [format], properties: {month: {type: string}}}}
"""


@pytest.mark.parametrize("count", [500, pytest.param(50_000, marks=pytest.mark.slow)])
def test_a_renamed_task_a_narrowed_enum_and_a_new_required_field_are_counted_exactly(
    project: Callable[[str], Project], count: int
) -> None:
    work = project(OLD)
    work.enqueue(map(job, range(count)))
    work.kongflow("run", "--once")
    assert work.kongflow("plan", "--detailed-exitcode") == f"no change; {count:,} jobs checked\n"

    work.declare(NEW)
    shape = json.loads(work.kongflow("plan", "--json", "--detailed-exitcode", exit_code=1))

    numbers = range(count)
    green = sum(n % 5 < 3 and n % 3 == 1 for n in numbers)
    assert shape["checked"] == count
    assert [(each["effect"], each["kind"], each["subject"], each["waiting"]) for each in shape["changes"]] == [
        ("blocks", "payloads_refused", "report", count // 5),
        ("blocks", "payloads_refused", "sendMail", green),
        ("changes", "task_added", "beginRun", 0),
        ("changes", "task_changed", "report", count // 5),
        ("changes", "task_changed", "sendMail", 3 * count // 5),
        ("changes", "task_renamed", "startRun", count // 5),
        ("changes", "queue_changed", "mail", 3 * count // 5),
    ]
    assert [(each["what"], each["waiting"]) for change in shape["changes"] for each in change["reasons"]] == [
        ("$.format: is required and missing", count // 5),
        ('$.colour: expected one of "red", "blue"', green),
    ]


def job(n: int) -> dict[str, Any]:
    payload: dict[str, Any]
    match n % 5:
        case 3:
            task, payload = "startRun", {"id": n}
        case 4:
            task, payload = "report", {"month": "2026-11"}
        case _:
            task, payload = "sendMail", {"to": f"user{n}@example.com", "colour": ("red", "green", "blue")[n % 3]}
    return {"task": task, "payload": payload, "run_at": "2100-01-01T00:00:00Z"}

"""What a runner declares with its config, and how it differs from what another declares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kongflow.core.declaration import Difference, declaration, differences
from kongflow.core.json import Json, canonical, load
from kongflow.core.template import Template
from tests.builders import make_catalog, make_task

IDS: Json = {"type": "object", "required": ["id"]}
TASK = make_task("work", payload=IDS, queue="runs:<< payload.id >>")
CATALOG = make_catalog(queues={"runs:*": 1}, work={})


def of_task(task: object) -> Json:
    return declaration(replace(CATALOG, tasks={"work": task}))["tasks"]["work"]


def test_a_declaration_is_what_is_published_with_every_task() -> None:
    found = declaration(CATALOG)
    assert {**found, "tasks": sorted(found["tasks"])} == CATALOG.published()
    assert load(canonical(found)) == found


def test_equal_tasks_declare_the_same() -> None:
    again = make_task("work", payload={"required": ["id"], "type": "object"}, queue="runs:<< payload.id >>")
    assert differences(of_task(TASK), of_task(again)) == ()
    assert of_task(replace(TASK, description="Works.", owner="ops", examples=({"id": 1},))) == of_task(TASK)


@pytest.mark.parametrize(
    ("changed", "field", "holds_at_claim"),
    [
        (replace(TASK, payload_schema=None), "payload", True),
        (replace(TASK, result_schema=TASK.payload_schema), "result", True),
        (replace(TASK, handler="a.b"), "handler", True),
        (replace(TASK, timeout=1.0), "timeout", True),
        (replace(TASK, retry=replace(TASK.retry, max_attempts=1)), "retry.max_attempts", True),
        (replace(TASK, queue=Template.parse("runs:x")), "queue", False),
        (replace(TASK, priority=5), "priority", False),
        (replace(TASK, job_key=Template.parse("k")), "job_key", False),
        (replace(TASK, flags=("slow",)), "flags", False),
        (replace(TASK, tags=("a",)), "tags", False),
    ],
)
def test_a_difference_says_whether_it_holds_for_jobs_that_wait(
    changed: object, field: str, holds_at_claim: bool
) -> None:
    (found,) = differences(of_task(TASK), of_task(changed))
    assert (found.field, found.holds_at_claim) == (field, holds_at_claim)


def test_what_comes_and_goes_is_a_difference_too() -> None:
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": None, "d": 4}) == (
        Difference("b", 2, 3),
        Difference("d", None, 4),
        Difference("a", 1, None),
    )

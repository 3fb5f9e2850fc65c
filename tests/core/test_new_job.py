"""From a call to the job that is inserted: payload, templates, options."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kongflow.core.catalog import Catalog, DatabaseSettings
from kongflow.core.job import JobOptions, NewJob, UnroutedJob
from kongflow.core.new_job import MAX_JOB_KEY, MAX_LABELS, new_job, route
from kongflow.core.queue import Queue, QueueRules
from kongflow.core.retry import RetryPolicy
from kongflow.core.schema import PayloadSchema
from kongflow.core.task import JobKeyMode, Task, Tombstone
from kongflow.core.template import Template
from kongflow.errors import (
    InvalidOption,
    InvalidPayload,
    KongFlowError,
    PayloadTooLarge,
    TemplateError,
    UnknownQueue,
    UnknownTask,
)

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "level": {"default": 5}, "note": {"type": "string"}},
}
START_RUN = Task(
    name="startRun",
    handler="catalog.runs.start_run",
    payload_schema=PayloadSchema.compile(SCHEMA),
    result_schema=None,
    retry=RetryPolicy(),
    queue=Template.parse("runs:<< payload.id >>"),
    priority=Template.parse("<< payload.level >>"),
    job_key=Template.parse("<< task.name >>:<< payload.id >>"),
    job_key_mode=JobKeyMode.PRESERVE_RUN_AT,
    flags=("gpu",),
    tags=("billing",),
)
PLAIN = Task("plain", "catalog.runs.plain", None, None, RetryPolicy(), priority=7)


def catalog(*tasks: Task) -> Catalog:
    return Catalog(
        root=Path("/project"),
        database=DatabaseSettings("sqlite://"),
        queues=QueueRules({name: Queue(name) for name in ("executions", "runs:*")}),
        tasks={task.name: task for task in tasks or (START_RUN, PLAIN)},
        tombstones={"beginRun": Tombstone("beginRun", "startRun"), "gone": Tombstone("gone", None)},
    )


def add(task: Task, payload: Any = None, **options: Any) -> NewJob:
    return new_job(catalog(task), task.name, payload, JobOptions(**options))


def refusal(kind: type[KongFlowError], task: Task, payload: Any = None, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        add(task, payload, **options)
    assert type(caught.value) is kind
    return str(caught.value)


# --- the whole -------------------------------------------------------------------------------------------------------


def test_the_catalog_decides_what_the_call_leaves_open() -> None:
    assert add(START_RUN, {"id": "r1"}) == NewJob(
        task="startRun",
        payload='{"id":"r1","level":5}',
        queue="runs:r1",
        rule="runs:*",
        priority=5,
        job_key="startRun:r1",
        job_key_mode=JobKeyMode.PRESERVE_RUN_AT,
        flags=("gpu",),
        tags=("billing",),
    )


def test_options_of_the_call_win() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    job = add(
        START_RUN,
        {"id": "r1"},
        run_at=at,
        queue="executions",
        priority=-1,
        max_attempts=2,
        job_key="mine",
        job_key_mode=JobKeyMode.REPLACE,
        flags=(),
        tags=("a", "b", "a"),
    )
    assert (job.run_at, job.queue, job.priority, job.max_attempts) == (at, "executions", -1, 2)
    assert (job.job_key, job.job_key_mode, job.flags, job.tags) == ("mine", JobKeyMode.REPLACE, (), ("a", "b"))


def test_an_option_that_is_given_spares_its_template() -> None:
    task = replace(START_RUN, queue=Template.parse("runs:<< payload.nope >>"))
    assert add(task, {"id": "r1"}, queue="executions").queue == "executions"


def test_only_what_the_call_gave_is_stored() -> None:
    job = add(PLAIN)
    assert (job.max_attempts, job.queue, job.job_key, job.run_at, job.delay) == (None, None, None, None, None)
    assert (job.payload, job.priority, job.job_key_mode) == ("{}", 7, JobKeyMode.REPLACE)


# --- tasks -----------------------------------------------------------------------------------------------------------


def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTask, match="no task 'strtRun' is declared; did you mean 'startRun'"):
        new_job(catalog(), "strtRun", {}, JobOptions())


def test_a_renamed_task_is_refused_with_its_new_name() -> None:
    with pytest.raises(UnknownTask, match="the task 'beginRun' was renamed: enqueue 'startRun'"):
        new_job(catalog(), "beginRun", {}, JobOptions())


def test_a_removed_task_is_refused() -> None:
    with pytest.raises(UnknownTask, match="the task 'gone' was removed"):
        new_job(catalog(), "gone", {}, JobOptions())


# --- payloads --------------------------------------------------------------------------------------------------------


def test_no_payload_means_an_empty_object() -> None:
    assert add(PLAIN, None).payload == "{}"
    with pytest.raises(InvalidPayload) as caught:
        add(START_RUN, None)
    assert caught.value.problems == ("$.id: is required and missing",)


@pytest.mark.parametrize("payload", [[], "text", 5, True])
def test_a_payload_is_an_object(payload: Any) -> None:
    assert "the payload must be a JSON object: $: expected an object" in refusal(InvalidPayload, PLAIN, payload)


def test_every_problem_of_a_payload_is_named_and_the_task_too() -> None:
    with pytest.raises(InvalidPayload) as caught:
        add(START_RUN, {"id": 5, "x": 1})
    assert str(caught.value).startswith("task 'startRun': the payload does not match its schema:")
    assert sorted(caught.value.problems) == ["$.id: expected text, got 5", "$.x: is not declared"]


@pytest.mark.parametrize(
    "value", [float("nan"), "a\x00b", "\ud800", 2**64, {1: 2}, {1, 2}, b"x", object(), {"a\ud800": 1}]
)
def test_what_cannot_be_stored_is_refused_whether_there_is_a_schema_or_not(value: Any) -> None:
    open_task = replace(START_RUN, payload_schema=PayloadSchema.compile({}))
    for task in (PLAIN, open_task):
        assert f"task '{task.name}': the payload cannot be stored: $.id" in refusal(InvalidPayload, task, {"id": value})


def test_a_payload_that_is_too_large_or_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    assert "over" in refusal(InvalidPayload, PLAIN, deep) or "deeper" in refusal(InvalidPayload, PLAIN, deep)
    assert "at most 1,048,576" in refusal(PayloadTooLarge, PLAIN, {"a": "x" * (1 << 20)})


def test_defaults_count_towards_the_size() -> None:
    schema = PayloadSchema.compile({"properties": {"a": {"default": "x" * 1_000}}})
    task = replace(PLAIN, payload_schema=schema)
    assert "at most" in refusal(PayloadTooLarge, task, {"b": "x" * ((1 << 20) - 100)})


def test_the_stored_text_holds_the_defaults_and_the_callers_payload_does_not() -> None:
    payload = {"id": "ü"}
    assert json.loads(add(START_RUN, payload).payload) == {"id": "ü", "level": 5}
    assert payload == {"id": "ü"}


# --- queues ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["runs:<< payload.id >>", "<< payload.kind >>:x", "runs:<< payload.id >>-<< 1 >>"])
def test_no_template_part_of_a_queue_name_may_be_empty(template: str) -> None:
    task = replace(PLAIN, queue=Template.parse(template))
    message = refusal(TemplateError, task, {"id": "", "kind": ""})
    assert message.startswith(f"task 'plain', queue {template!r}: << payload.")
    assert "is empty: jobs without it would share one queue" in message


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("a\nb", "control character"),
        ("a\r\nBcc: x@y", "control character"),
        ("*", "'*'"),
        ("a ", "begins or ends with a space"),
        ("x" * 200, "1 to 128 characters"),
        (None, "is null"),
        ([1], "is a list"),
    ],
)
def test_a_payload_that_makes_a_bad_queue_name_is_refused(id: Any, words: str) -> None:
    task = replace(PLAIN, queue=Template.parse("runs:<< payload.id >>"))
    assert words in refusal(TemplateError, task, {"id": id})


def test_a_missing_field_names_task_template_and_field() -> None:
    task = replace(PLAIN, queue=Template.parse("runs:<< payload.id >>"))
    assert refusal(TemplateError, task, {}).startswith(
        "task 'plain', queue 'runs:<< payload.id >>': << payload.id >>: 'payload.id' is missing"
    )


def test_a_number_makes_a_queue_name() -> None:
    task = replace(PLAIN, queue=Template.parse("runs:<< payload.id >>"))
    assert (add(task, {"id": 5}).queue, add(task, {"id": 5.0}).queue) == ("runs:5", "runs:5")


@pytest.mark.parametrize("queue", ["execution", "run:1", "runs:"])
def test_a_queue_that_is_not_declared_is_refused_with_the_nearest(queue: str) -> None:
    assert f"matches '{queue}'; did you mean" in refusal(UnknownQueue, PLAIN, {}, queue=queue)


def test_a_rendered_queue_that_nothing_declares_names_its_template() -> None:
    task = replace(PLAIN, queue=Template.parse("job:<< payload.id >>"))
    assert "task 'plain', queue 'job:<< payload.id >>': no declared queue" in refusal(UnknownQueue, task, {"id": 1})


@pytest.mark.parametrize("queue", ["", " executions", "runs:*", "runs:a\x00", "runs:" + "x" * 128])
def test_a_queue_option_is_a_concrete_name(queue: str) -> None:
    assert "queue name" in refusal(InvalidOption, PLAIN, {}, queue=queue)


# --- priority --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", [-32768, 0, 32767])
def test_a_priority_has_sixteen_bits(priority: int) -> None:
    assert add(PLAIN, {}, priority=priority).priority == priority


@pytest.mark.parametrize("priority", [-32769, 32768, True, "5", 1.5])
def test_any_other_priority_is_refused(priority: Any) -> None:
    assert "a priority is" in refusal(InvalidOption, PLAIN, {}, priority=priority)
    task = replace(PLAIN, priority=Template.parse("<< payload.p >>"))
    assert "task 'plain', priority '<< payload.p >>': a priority is" in refusal(TemplateError, task, {"p": priority})


def test_a_rendered_priority_is_what_json_calls_an_integer() -> None:
    task = replace(PLAIN, priority=Template.parse("<< 10 if payload.slow else 2.0 >>"))
    assert (add(task, {"slow": True}).priority, add(task, {"slow": False}).priority) == (10, 2)


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "x" * (MAX_JOB_KEY + 1), "a\x00b", "a\ud800", "a\nb"])
def test_a_job_key_is_a_short_line_of_text(key: str) -> None:
    assert "job key" in refusal(InvalidOption, PLAIN, {}, job_key=key)
    task = replace(PLAIN, job_key=Template.parse("<< payload.key >>"), payload_schema=None)
    if "\x00" not in key and "\ud800" not in key:
        assert "task 'plain', job_key" in refusal(TemplateError, task, {"key": key})


def test_the_longest_key_is_fine() -> None:
    assert add(PLAIN, {}, job_key="x" * MAX_JOB_KEY).job_key == "x" * MAX_JOB_KEY


def test_a_mode_without_a_key_is_refused() -> None:
    assert "the key mode replace needs a key, and this job has none" in refusal(
        InvalidOption, PLAIN, {}, job_key_mode=JobKeyMode.REPLACE
    )


# --- time and attempts -----------------------------------------------------------------------------------------------


def test_a_naive_run_at_is_refused() -> None:
    assert "has no time zone" in refusal(InvalidOption, PLAIN, {}, run_at=datetime(2026, 1, 1))


def test_run_at_and_delay_exclude_each_other() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert "not both" in refusal(InvalidOption, PLAIN, {}, run_at=now, delay=1.0)


@pytest.mark.parametrize("delay", [float("nan"), float("inf"), -float("inf"), 1e12])
def test_a_delay_is_a_time_within_a_hundred_years(delay: float) -> None:
    assert "hundred years" in refusal(InvalidOption, PLAIN, {}, delay=delay)


def test_a_time_that_has_passed_is_fine() -> None:
    past = datetime(1999, 1, 1, tzinfo=UTC)
    assert add(PLAIN, {}, delay=-timedelta(days=1).total_seconds()).delay == -86_400.0
    assert add(PLAIN, {}, run_at=past).run_at == past


@pytest.mark.parametrize("attempts", [0, -1, 32_768])
def test_max_attempts_is_at_least_one(attempts: int) -> None:
    assert "max_attempts is 1 to 32767" in refusal(InvalidOption, PLAIN, {}, max_attempts=attempts)


# --- flags and tags --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["flags", "tags"])
def test_flags_and_tags_are_short_lists_of_short_texts(field: str) -> None:
    for labels in (("",), ("x" * 129,), ("a\nb",), tuple(map(str, range(MAX_LABELS + 1)))):
        assert field[:-1] in refusal(InvalidOption, PLAIN, {}, **{field: labels})


# --- jobs added by SQL -----------------------------------------------------------------------------------------------


def routed(payload: str, **options: Any) -> NewJob:
    return route(catalog(), UnroutedJob("17", "startRun", payload, JobOptions(**options)))


def test_a_job_added_by_sql_is_rendered_like_any_other() -> None:
    assert routed('{"id": "r1"}') == add(START_RUN, {"id": "r1"})


def test_options_of_its_row_win() -> None:
    job = routed('{"id": "r1"}', queue="executions", priority=3, job_key="k", max_attempts=1)
    assert (job.queue, job.priority, job.job_key, job.max_attempts) == ("executions", 3, "k", 1)


def test_it_is_checked_by_the_rule_of_running() -> None:
    assert json.loads(routed('{"id": "r1", "new": 1}').payload) == {"id": "r1", "new": 1, "level": 5}
    with pytest.raises(InvalidPayload, match=r"\$\.id: expected text"):
        routed('{"id": 5}')


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"id": NaN}', '{"id": "a", "id": "b"}', '{"id": 1e999}'])
def test_what_is_no_payload_is_this_jobs_failure(text: str) -> None:
    with pytest.raises(InvalidPayload):
        routed(text)


def test_a_bad_option_of_its_row_is_this_jobs_failure() -> None:
    with pytest.raises(UnknownQueue):
        routed('{"id": "r1"}', queue="nowhere")


@pytest.mark.parametrize(("queue", "stays"), [("executions", "executions"), ("gone", "runs:r1")])
def test_a_job_of_a_renamed_task_stays_in_its_queue_if_that_is_still_declared(queue: str, stays: str) -> None:
    renamed = UnroutedJob("17", "startRun", '{"id":"r1"}', JobOptions(queue=queue, priority=3), was_rendered=True)
    job = route(catalog(), renamed)
    assert (job.queue, job.priority) == (stays, 3)

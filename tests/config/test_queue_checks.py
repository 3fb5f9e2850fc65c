"""Checks of queues: which tasks a runner leaves out, limits that are never reached, long jobs, instants in names."""

from __future__ import annotations

import pytest

from tests.config.projects import load_project, slugs

QUEUES = 'queues: {mail: {}, "runs:*": {}, "*": {}}'


def unserved(folder, runner: str, tasks: str, **options):
    return load_project(folder, f"version: 1\nrunner: {{queues: {runner}}}\n{QUEUES}\n{tasks}", **options)


@pytest.mark.parametrize(
    ("served", "queue", "is_served"),
    [
        ("[mail]", "mail", True),
        ("[mail]", "runs:1", False),
        ("['runs:*']", "runs:1", True),
        ("['runs:*']", "runs:<< payload.id >>", True),
        ("[mail]", "runs:<< payload.id >>", False),
        ("[mail]", "<< payload.q >>", True),  # it may be mail
        ("['*']", "mail", True),  # declared or not, it is everything
    ],
)
def test_a_task_is_served_where_its_queue_may_be_one_of_the_runners(tmp_path, served, queue, is_served):
    loaded = unserved(tmp_path, served, f'tasks: {{work: {{handler: tasks.work, queue: "{queue}"}}}}')

    assert slugs(loaded) == ([] if is_served else ["queue-unserved"])


def test_only_a_runner_of_everything_serves_what_has_no_queue(tmp_path):
    tasks = "tasks: {work: {handler: tasks.work}}"

    (found,) = unserved(tmp_path, '[mail, "runs:*"]', tasks).findings

    assert (found.slug, found.message) == ("queue-unserved", "this runner takes no job of work")
    assert found.help.startswith('only "*" serves what has no queue')


def test_the_queue_of_the_defaults_counts_for_those_that_inherit_it(tmp_path):
    tasks = (
        "defaults: {task: {queue: mail}}\ntasks: {work: {handler: tasks.work}, run: {handler: tasks.work, queue: x}}"
    )

    (found,) = unserved(tmp_path, "[mail]", tasks).findings

    assert found.message == "this runner takes no job of run"


def test_a_list_with_a_variable_is_another_one_in_each_deployment(tmp_path):
    loaded = unserved(tmp_path, '["${SERVED:-mail}"]', "tasks: {work: {handler: tasks.work}}")

    assert slugs(loaded) == []


def test_an_undeclared_queue_of_the_runner_is_one_finding(tmp_path):
    loaded = unserved(tmp_path, "[mali]", "tasks: {work: {handler: tasks.work}}")

    assert slugs(loaded) == ["runner-queue-unknown"]


def test_a_limit_in_an_included_file_is_marked_there(tmp_path):
    files = {"catalog/queues.yaml": "queues:\n  mail: {max_active: 5}\n"}

    (found,) = load_project(tmp_path, "version: 1\ninclude: [catalog/*.yaml]", files).findings

    assert (found.slug, found.file.endswith("catalog/queues.yaml")) == ("queue-limit-inert", True)
    assert (found.line, found.col) == (2, 22)


def test_tasks_that_are_all_long_may_share_a_serial_queue(tmp_path):
    config = "version: 1\nqueues: {batch: {}}\ndefaults: {task: {queue: batch, timeout: 2h}}\ntasks:\n"
    tasks = "  one: {handler: tasks.work}\n  two: {handler: tasks.work, queue: batch, timeout: 5h}\n"

    assert slugs(load_project(tmp_path, config + tasks)) == []


def test_a_long_task_in_a_queue_limited_by_max_active_holds_up_others(tmp_path):
    config = "version: 1\nqueues: {mail: {concurrency: unlimited, max_active: 1}}\ntasks:\n"
    tasks = "  one: {handler: tasks.work, queue: mail, timeout: 1h}\n  two: {handler: tasks.work, queue: mail}\n"

    (found,) = load_project(tmp_path, config + tasks).findings

    assert (found.slug, found.line) == ("queue-serial-long-job", 4)


TS = "{type: object, required: [ts], properties: {ts: {type: string, format: date-time}}}"


def test_an_inherited_template_has_an_instant_only_if_it_is_one_for_every_heir(tmp_path):
    config = 'version: 1\nqueues: {"at:*": {}}\ndefaults: {task: {queue: "at:<< payload.ts >>"}}\ntasks:\n'
    one, other = f"  one: {{handler: tasks.work, payload: {TS}}}\n", "  two: {handler: tasks.work}\n"

    assert slugs(load_project(tmp_path, config + one)) == ["queue-cardinality"]
    assert slugs(load_project(tmp_path, config + one + other)) == []

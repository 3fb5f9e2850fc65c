"""Templates of `defaults.task` are held against every task that inherits them."""

from __future__ import annotations

import pytest

from tests.config.projects import load_project, slugs

SCHEMAS = {
    "has": "{type: object, additionalProperties: false, required: [id], properties: {id: {type: string}}}",
    "may": "{type: object, additionalProperties: false, properties: {id: {type: string}}}",
    "never": "{type: object, additionalProperties: false, properties: {name: {type: string}}}",
    "open": "{type: object, properties: {name: {type: string}}}",
    "free": "{type: object}",
}
PLAIN, GUARDED = "<< payload.id >>", "<< payload.id | default('none') >>"


@pytest.mark.parametrize(
    ("template", "tasks", "found"),
    [
        (PLAIN, ["has", "free"], []),
        (PLAIN, ["has", "may"], ["template-maybe-missing"]),
        (PLAIN, ["has", "never"], ["template-unknown-key"]),
        (PLAIN, ["open"], ["template-undeclared-key"]),
        (GUARDED, ["has", "may", "never", "open", "free"], []),
        (GUARDED, ["never"], ["template-unknown-key"]),
        (GUARDED, ["open"], ["template-undeclared-key"]),
        ("<< 'a' if payload.id is defined else 'b' >>", ["has", "may"], []),
        ("<< 'a' if payload.id is defined else 'b' >>", ["has"], ["template-constant"]),
        ("<< 'a' if task.name == 'has' else 'b' >>", ["has", "may"], []),
        ("<< payload.id >>", [], []),
        ("<< paylod.id >>", [], ["template-unknown-name"]),
        ("<< task.nam >>", [], ["template-unknown-key"]),
    ],
)
def test_a_guarded_key_is_wrong_only_where_no_task_has_it(tmp_path, template, tasks, found):
    lines = [f"  {name}: {{handler: tasks.work, payload: {SCHEMAS[name]}}}" for name in tasks]
    own = "  other: {handler: tasks.work, job_key: x}"
    config = "\n".join(
        ["version: 1", f'defaults: {{task: {{job_key: "<< task.name >>:{template}"}}}}', "tasks:", *lines, own]
    )

    assert slugs(load_project(tmp_path, config)) == found


def test_the_tasks_that_have_the_problem_are_named(tmp_path):
    tasks = "".join(f"  {name}: {{handler: tasks.work, payload: {SCHEMAS[name]}}}\n" for name in ("has", "may"))

    (found,) = load_project(
        tmp_path, f'version: 1\ndefaults: {{task: {{job_key: "<< task.name >>:{PLAIN}"}}}}\ntasks:\n{tasks}'
    ).findings
    assert [related.place.span.line for related in found.related] == [5]

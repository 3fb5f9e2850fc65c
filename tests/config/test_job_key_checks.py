"""Keys of two tasks that can be equal: by the texts around their values, and by what a schema lists."""

from __future__ import annotations

import pytest

from tests.config.projects import load_project, slugs


def task(name: str, key: str, payload: str = "{type: object}") -> str:
    return f'  {name}: {{handler: tasks.work, job_key: "{key}", payload: {payload}}}\n'


def listed(*values: str) -> str:
    return f"{{type: object, required: [id], properties: {{id: {{enum: [{', '.join(values)}]}}}}}}"


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("<< payload.id >>", "<< payload.id >>", True),
        ("<< payload.id >>", "<< payload.run | default('none') | lower >>", True),
        ("x:<< payload.a >>:<< payload.b >>", "x:<< payload.c >>:<< payload.d >>", True),
        ("index:<< payload.id >>", "start:<< payload.id >>", False),
        ("<< payload.id >>", "start:<< payload.id >>", False),  # ids do not begin with the names of tasks
        ("<< task.name >>:<< payload.id >>", "<< task.name >>:<< payload.id >>", False),
        ("<< task.name >>:<< payload.id >>", "one:<< payload.id >>", True),  # the first task is called one
        ("nightly", "nightly", True),
        ("nightly", "daily", False),
        ("<< payload.a ~ payload.b >>", "<< payload.a ~ payload.b >>", False),  # what it gives is not known
    ],
)
def test_two_tasks_collide_where_their_keys_have_one_form(tmp_path, one, other, collide):
    loaded = load_project(tmp_path, f"version: 1\ntasks:\n{task('one', one)}{task('two', other)}")

    assert [slug for slug in slugs(loaded) if slug.startswith("job")] == (["job-key-collision"] if collide else [])


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [(("a", "b"), ("c",), False), (("a", "b"), ("b", "c"), True), (("1", "2"), ("'1'",), True)],
)
def test_values_that_a_schema_lists_may_have_nothing_in_common(tmp_path, one, other, collide):
    tasks = task("one", "<< payload.id >>", listed(*one)) + task("two", "<< payload.id >>", listed(*other))

    assert slugs(load_project(tmp_path, f"version: 1\ntasks:\n{tasks}")) == (["job-key-collision"] if collide else [])


def test_an_inherited_key_is_marked_once_in_the_defaults(tmp_path):
    tasks = "".join(f"  {name}: {{handler: tasks.work}}\n" for name in ("one", "two", "three"))
    config = f'version: 1\ndefaults: {{task: {{job_key: "<< payload.id >>"}}}}\ntasks:\n{tasks}'

    (found,) = load_project(tmp_path, config).findings

    assert (found.slug, found.line, found.json_path) == ("job-key-collision", 2, "$.defaults.task.job_key")
    assert [near.place.span.line for near in found.related] == [4, 5]


def test_a_key_in_an_included_file_is_marked_there(tmp_path):
    files = {"catalog/a.yaml": f"tasks:\n{task('two', 'nightly')}"}
    config = f"version: 1\ninclude: [catalog/*.yaml]\ntasks:\n{task('one', 'nightly')}"

    (found,) = load_project(tmp_path, config, files).findings

    assert (found.file.endswith("catalog/a.yaml"), found.line) == (True, 2)
    assert found.related[0].place.file.endswith("kongflow.yaml")

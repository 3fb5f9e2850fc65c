"""The help of a finding: what to write, as it would be written there."""

from __future__ import annotations

import pytest

from kongflow.errors import InvalidOption
from kongflow.store.statements import check_schema
from tests.config.projects import load_project


def test_a_number_that_should_be_text_is_quoted_as_it_is_written(tmp_path):
    (found,) = load_project(tmp_path, "version: 1\nname: 3.10").findings

    assert (found.message, found.help) == ("expected text, got the number 3.1", 'quote it: "3.10"')


def test_a_path_from_the_projects_folder_is_shown_from_that_of_its_file(tmp_path):
    tasks = "tasks: {work: {handler: tasks.work, payload: schemas/work.json}}"
    files = {"catalog/deep/work.yaml": tasks, "schemas/work.json": "{}"}

    (found,) = load_project(tmp_path, "version: 1\ninclude: [catalog/**/*.yaml]", files).findings

    assert (found.slug, found.help) == ("schema-not-found", "from catalog/deep/ it is ../../schemas/work.json")


@pytest.mark.parametrize(
    ("queue", "declared"),
    [("mail", "mail"), ("runs:<< payload.id >>", "runs:*"), ("<< payload.a >>-<< payload.b >>", "*")],
)
def test_where_no_queue_is_declared_one_is_shown(tmp_path, queue, declared):
    config = f'version: 1\ntasks: {{work: {{handler: tasks.work, queue: "{queue}"}}}}'

    (found,) = load_project(tmp_path, config).findings

    assert found.help == f'declare it, with its limits: `queues: {{"{declared}": {{concurrency: 1}}}}`'


def test_a_key_with_a_dash_is_shown_in_brackets(tmp_path):
    payload = "{type: object, additionalProperties: false, required: [user-id], properties: {user-id: {type: string}}}"
    job = f'handler: tasks.work, payload: {payload}, job_key: "<< payload.user-id >>"'

    found, _ = load_project(tmp_path, f"version: 1\ntasks: {{work: {{{job}}}}}").findings

    assert found.help == "did you mean 'user-id'? It is written ['user-id'], without a dot before it"


@pytest.mark.parametrize("schema", ["pg_jobs", "sqlite_jobs", "information_schema", "order", "My-Schema"])
def test_the_names_that_a_database_keeps_for_itself_are_no_schema_of_ours(tmp_path, schema):
    (found,) = load_project(tmp_path, f"version: 1\ndatabase: {{schema: {schema}}}").findings

    assert found.slug == "name-invalid"
    with pytest.raises(InvalidOption):
        check_schema(schema)
